"""From the layers of an `expert.json` of `expert=weights`, and named tensors, to a network that acts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, SpaceError, UnsupportedExpertError
from builder.experts.network.encoding import Encoder, encoders
from builder.experts.network.layered import Layer, shape_after
from builder.experts.network.network import (
    Activation,
    ContinuousHead,
    DiscreteHead,
    Filters,
    ImageLayers,
    LayerNorm,
    Linear,
    Network,
)

ACTIVATION_NAMES = {
    "elu": "ELU",
    "gelu": "GELU",
    "gelu_tanh": "GELUTanh",
    "hardtanh": "Hardtanh",
    "identity": "Identity",
    "leaky_relu": "LeakyReLU",
    "mish": "Mish",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}
"""Activation functions, as such a file calls them, and their names here."""
Spaces = tuple[gym.Space[Any], gym.Space[Any]]


@dataclass(frozen=True)
class Tensors:
    """The tensors of a file, which layers name.

    Attributes:
        arrays: by name.
        where: the file, for messages.
    """

    arrays: Mapping[str, Array]
    where: str

    def take(self, name: str, rank: int) -> Array:
        """One of them, float32.

        Raises:
            ArchiveError: there is none of this name, or of another rank.
            UnsupportedExpertError: its numbers are of a type that float32 cannot hold.
        """
        if name not in self.arrays:
            raise ArchiveError(
                f"{self.where} has no tensor {name[:80]!r}",
                got=", ".join(sorted(self.arrays))[:200],
                remedy="the names in expert.json are those of this file",
            )
        values = self.arrays[name]
        if values.ndim != rank:
            raise ArchiveError(
                f"{self.where}: {name[:80]}", expected=f"rank {rank}", got=f"shape {values.shape}"
            )
        if values.dtype not in (np.float32, np.float16):
            raise UnsupportedExpertError(
                f"{self.where}: {name[:80]}", expected="float32 or float16", got=values.dtype
            )
        if not np.isfinite(values).all():
            raise ArchiveError(f"{self.where}: {name[:80]} has numbers that are NaN or infinite")
        return values.astype(np.float32)

    def matrix(self, named: Mapping[str, Any]) -> Linear:
        """A fully connected layer; `transposed` weights are [inputs, outputs]."""
        weight = self.take(named["weight"], 2)
        return Linear(
            np.ascontiguousarray(weight.T) if named.get("transposed") else weight, self.vector(named, "bias")
        )

    def vector(self, named: Mapping[str, Any], key: str) -> Array | None:
        """A row of numbers, if it is named."""
        return self.take(named[key], 1) if key in named else None


def network_of(content: Mapping[str, Any], spaces: Spaces, tensors: Tensors) -> Network:
    """The network that an `expert.json` describes.

    Args:
        content: of that file, as its schema allows it.
        spaces: of observations and actions.
        tensors: what its layers name.

    Raises:
        ArchiveError: tensors are missing, or do not fit each other or the spaces.
        UnsupportedExpertError: it is of a kind that is not supported.
    """
    coders = encoders(spaces[0], normalize_images=bool(content.get("scale_images", False)))
    described = content["layers"]
    border = next((index + 1 for index, layer in enumerate(described) if layer["kind"] == "flatten"), 0)
    sees_images = any(layer["kind"] == "conv2d" for layer in described[:border])
    if border > 1 and not sees_images:
        raise ArchiveError("expert.json: layers", expected="flatten at the beginning, or after convolutions")
    extractor = _images(described[:border], coders, tensors) if sees_images else None
    size = _flat_size(extractor, coders)
    layers = _checked(described[border:], (size,), tensors)
    return _network(content.get("actions", {}), spaces, (coders, extractor), layers, tensors)


def _images(described: list[Mapping[str, Any]], coders: tuple[Encoder, ...], tensors: Tensors) -> ImageLayers:
    if len(coders) != 1 or len(coders[0].shape) != 3:
        raise ArchiveError(
            "expert.json: conv2d sees one image",
            expected="an observation space of shape [channels, height, width]",
            got=", ".join(str(coder.shape) for coder in coders)[:100],
        )
    layers = _checked(described[:-1], coders[0].shape, tensors)
    found = tuple(layer for layer in layers if isinstance(layer, (Filters, Activation)))
    return ImageLayers(found, described[-1].get("order") == "channels_last")


def _flat_size(extractor: ImageLayers | None, coders: tuple[Encoder, ...]) -> int:
    if extractor is None:
        return sum(coder.size for coder in coders)
    shape = coders[0].shape
    for layer in extractor.layers:
        shape = shape_after(layer, shape)
    return int(np.prod(shape))


def _checked(described: list[Mapping[str, Any]], shape: tuple[int, ...], tensors: Tensors) -> list[Layer]:
    """The layers, each of which takes what the one before it gives."""
    layers: list[Layer] = []
    for index, one in enumerate(described):
        for layer in _layers(one, tensors):
            try:
                shape = shape_after(layer, shape)
            except ValueError as error:
                what = f"expert.json: the {one['kind']} layer {one.get('weight', index)!s:.80}"
                raise ArchiveError(f"{what} does not fit: {error}") from error
            layers.append(layer)
    return layers


def _layers(described: Mapping[str, Any], tensors: Tensors) -> Iterator[Layer]:
    """A layer, and its activation function where it has one."""
    kind = described["kind"]
    if kind == "linear":
        yield tensors.matrix(described)
    elif kind == "conv2d":
        weight, bias = tensors.take(described["weight"], 4), tensors.vector(described, "bias")
        stride, padding = (_pair(described.get(key, least)) for key, least in (("stride", 1), ("padding", 0)))
        yield Filters(weight, bias, (stride[0], stride[2]), padding)
    elif kind == "layer_norm":
        scale, shift = tensors.vector(described, "weight"), tensors.vector(described, "bias")
        yield LayerNorm(scale, shift, float(described.get("epsilon", 1e-5)))
    elif kind != "activation":
        raise ArchiveError("expert.json: layers", expected="one flatten, after all convolutions", got=kind)
    if "activation" in described:
        yield _activation(described["activation"])


def _pair(value: Any) -> tuple[int, int, int, int]:
    """4, [4, 2] and [[4, 4], [2, 2]] are different spellings; before, after, before, after."""
    both = [value, value] if isinstance(value, int) else value
    (above, below), (left, right) = ([one, one] if isinstance(one, int) else one for one in both)
    return above, below, left, right


def _activation(described: Any) -> Activation:
    if isinstance(described, str):
        return Activation(ACTIVATION_NAMES[described])
    return Activation(ACTIVATION_NAMES[described["name"]], float(described["parameter"]))


def _network(
    actions: Mapping[str, Any],
    spaces: Spaces,
    seen: tuple[tuple[Encoder, ...], ImageLayers | None],
    layers: list[Layer],
    tensors: Tensors,
) -> Network:
    plain = [layer for layer in layers if not isinstance(layer, Filters)]
    *hidden, output = plain or [Activation("Identity")]
    head: DiscreteHead | ContinuousHead
    if isinstance(spaces[1], gym.spaces.Box):
        hidden, output, head = _continuous(actions, spaces[1], plain, tensors)
    else:
        head = _discrete(actions, spaces[1])
    if not isinstance(output, Linear):
        raise ArchiveError(
            "expert.json: layers",
            expected="a linear layer without activation at the end: its outputs are scores",
            got=type(output).__name__,
        )
    rows, activation = _plain_rows(hidden)
    extractors = (seen[1],) * len(seen[0])
    return Network(*spaces, seen[0], extractors, (), rows, activation, output, head)


def _plain_rows(
    hidden: list[Linear | Activation | LayerNorm],
) -> tuple[tuple[Linear | Activation | LayerNorm, ...], str]:
    """The layers with the one activation function that follows each of them, where that is so."""
    rows, functions = hidden[::2], hidden[1::2]
    one = next((layer for layer in functions if isinstance(layer, Activation)), None)
    uniform = (
        one is not None
        and len(rows) == len(functions)
        and all(isinstance(layer, Linear) for layer in rows)
        and all(layer == one for layer in functions)
        and one.parameter is None
        and one.name != "GELUTanh"
    )
    return (tuple(rows), one.name) if uniform and one else (tuple(hidden), "Identity")


def _discrete(actions: Mapping[str, Any], space: gym.Space[Any]) -> DiscreteHead:
    _refuse(actions, {"squash", "rescale", "log_std", "mean_limit"}, "choices")
    if isinstance(space, gym.spaces.MultiBinary):
        counts = (1,) * int(np.prod(space.shape))
    elif isinstance(space, gym.spaces.MultiDiscrete) and space.nvec.ndim == 1 and not space.start.any():
        counts = tuple(int(n) for n in space.nvec)
    elif isinstance(space, gym.spaces.Discrete) and space.start == 0:
        counts = (int(space.n),)
    else:
        raise UnsupportedExpertError(
            f"expert.json: actions in {space!s:.200}",
            expected="Box, Discrete, MultiDiscrete or MultiBinary, counted from 0",
        )
    return DiscreteHead(
        counts,
        binary=isinstance(space, gym.spaces.MultiBinary),
        quantiles=int(actions.get("quantiles", 1)),
        sampling=actions.get("sampling", "unknown"),
        exploration_rate=float(actions.get("exploration_rate", 0)),
    )


def _continuous(
    actions: Mapping[str, Any],
    space: gym.spaces.Box,
    layers: list[Linear | Activation | LayerNorm],
    tensors: Tensors,
) -> tuple[list[Linear | Activation | LayerNorm], Linear | Activation | LayerNorm, ContinuousHead]:
    """The layers before the last, the last, and the head, so that the last one is linear.

    Tanh and then stretching is what the head does by itself; each alone becomes layers.
    """
    _refuse(actions, {"exploration_rate", "quantiles"}, "numbers")
    squash, rescale = actions.get("squash") == "tanh", bool(actions.get("rescale", False))
    size = int(np.prod(space.shape))
    if rescale and not space.is_bounded():
        raise SpaceError("expert.json: actions.rescale stretches to infinite bounds", got=str(space)[:200])
    unit = bool((space.low == -1).all() and (space.high == 1).all())
    rescale = rescale or (squash and unit)
    ends = list(layers)
    if squash and not rescale:
        ends += [Activation("Tanh")]
    if rescale and not squash and not unit:
        ends += [_stretching(space)]
    if not isinstance(ends[-1], Linear):
        ends += [Linear(np.eye(size, dtype=np.float32))]
    head = ContinuousHead(squash=squash and rescale, sampling="unknown")
    if "mean_limit" in actions:
        head = ContinuousHead(head.squash, float(actions["mean_limit"]), sampling="unknown")
    if len(ends) > len(layers) and {"log_std", "mean_limit"} & set(actions):
        raise UnsupportedExpertError(
            "expert.json: actions.log_std and mean_limit say something of what the last layer gives",
            expected="a linear layer at the end, and neither or both of squash and rescale",
        )
    return ends[:-1], ends[-1], _sampled(actions, head, tensors)


def _sampled(actions: Mapping[str, Any], head: ContinuousHead, tensors: Tensors) -> ContinuousHead:
    log_std = actions.get("log_std")
    if log_std is None:
        sampling = "none" if actions.get("sampling") == "none" else "unknown"
        return ContinuousHead(head.squash, head.mean_limit, sampling=sampling)
    if isinstance(log_std, str):
        vector = tensors.take(log_std, 1)
        return ContinuousHead(head.squash, head.mean_limit, log_std=vector, sampling="gaussian")
    layer = tensors.matrix(log_std)
    return ContinuousHead(head.squash, head.mean_limit, log_std_layer=layer, sampling="gaussian")


def _stretching(space: gym.spaces.Box) -> Linear:
    """From [-1, 1] to the bounds, as a layer."""
    low, high = (bound.reshape(-1).astype(np.float64) for bound in (space.low, space.high))
    half, middle = (high - low) / 2, (high + low) / 2
    return Linear(np.diag(half).astype(np.float32), middle.astype(np.float32))


def _refuse(actions: Mapping[str, Any], keys: set[str], what: str) -> None:
    if wrong := sorted(keys & set(actions)):
        raise ArchiveError(f"expert.json: actions.{wrong[0]} says nothing of {what}", remedy="leave it out")
