"""Reading layers out of an archive's weights, every one of which must be accounted for.

Source of the names: Stable-Baselines3 and sb3-contrib, `*/policies.py` and `common/torch_layers.py`, and what
older versions called them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.network.encoding import Encoder
from builder.experts.network.network import (
    AtomsHead,
    ContinuousHead,
    Convolution,
    Filters,
    GruLayer,
    ImageExtractor,
    ImageLayers,
    LayerNorm,
    Linear,
    LstmLayer,
    Network,
    PaddedConvolution,
    ResidualExtractor,
    ResidualStage,
)

TRAINING_ONLY = re.compile(
    r"(mlp_extractor\.value_net|value_net|vf_features_extractor|lstm_critic|critic|critic_target|actor_target"
    r"|q_net_target|quantile_net_target)\..+"
)
"""Weights that take no part in acting."""
_STRIDES = (4, 2, 1)
"""Of SB3's NatureCNN; its weights do not tell."""


class Weights:
    """The weights of an archive, of which every one must be taken or known to serve training only.

    Args:
        arrays: by name.
        where: the archive, for messages.
        library: who trained it.
    """

    def __init__(self, arrays: dict[str, Array], where: str, library: str = "Stable-Baselines3") -> None:
        self._arrays = arrays
        self._library = library
        self._taken: dict[str, Array] = {}
        self._disregarded: tuple[str, ...] = ()
        self.where = where

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def names(self, prefix: str) -> list[str]:
        """The names that start with a prefix."""
        return [name for name in self._arrays if name.startswith(prefix)]

    def take(self, name: str, rank: int) -> Array:
        """One tensor.

        Raises:
            ArchiveError: it is missing or has another rank.
            UnsupportedExpertError: it is not float32.
        """
        if name not in self._arrays:
            raise ArchiveError(f"{self.where}: the weight {name!r} is missing")
        values = self._arrays[name]
        if values.ndim != rank:
            raise ArchiveError(f"{self.where}: {name}", expected=f"rank {rank}", got=f"shape {values.shape}")
        if values.dtype != np.float32:
            raise UnsupportedExpertError(f"{self.where}: {name}", expected="float32", got=values.dtype)
        self._taken[name] = np.array(values)  # a copy: the rest of the file need not be kept
        return self._taken[name]

    def linear(self, prefix: str, inputs: int) -> Linear:
        """A fully connected layer that takes `inputs` numbers."""
        weight = self.take(f"{prefix}.weight", 2)
        bias = self.take(f"{prefix}.bias", 1) if f"{prefix}.bias" in self else None
        self.check(f"{prefix}.weight", (len(weight), inputs))
        if bias is not None:
            self.check(f"{prefix}.bias", (len(weight),))
        return Linear(weight, bias)

    def sequence(self, prefix: str, inputs: int) -> tuple[Linear, ...]:
        """The fully connected layers of a `Sequential`, which alternate with activations."""
        layers: list[Linear] = []
        while f"{prefix}.{2 * len(layers)}.weight" in self:
            layers.append(self.linear(f"{prefix}.{2 * len(layers)}", inputs))
            inputs = len(layers[-1].weight)
        return tuple(layers)

    def disregard(self, prefix: str) -> None:
        """Account for weights that do not decide the best action."""
        self._disregarded += (prefix,)

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise ArchiveError unless a tensor has this shape."""
        if self._arrays[name].shape != shape:
            raise ArchiveError(
                f"{self.where}: {name} does not fit",
                expected=f"shape {shape}",
                got=str(self._arrays[name].shape),
            )

    def check_all_taken(self, acting: Network) -> None:
        """Every weight is accounted for, and what acts is what the file holds, number by number."""
        left = [
            name
            for name in self._arrays
            if name not in self._taken
            and not TRAINING_ONLY.fullmatch(name)
            and not name.startswith(self._disregarded)
        ]
        if left:
            raise UnsupportedExpertError(
                f"{self.where}: {len(left)} weights have no known place in the policy",
                got=", ".join(left[:4]),
                remedy=f"the policy is not one of {self._library}'s own",
            )
        held = {id(values) for values in arrays_of(acting)}
        for name, values in self._taken.items():
            if id(values) not in held or not np.array_equal(values, self._arrays[name]):
                raise ArchiveError(f"{self.where}: the rebuilt network does not hold {name}")


_PARTS = (
    *(Network, Linear, Convolution, ImageExtractor, PaddedConvolution, ResidualStage, ResidualExtractor),
    *(LstmLayer, ContinuousHead, AtomsHead),
    *(Filters, ImageLayers, LayerNorm, GruLayer),
)


def arrays_of(part: Any) -> list[Array]:
    """All the weights of a part of a network."""
    if isinstance(part, np.ndarray):
        return [part]
    if isinstance(part, tuple):
        return [values for child in part for values in arrays_of(child)]
    if isinstance(part, _PARTS):
        return [values for child in vars(part).values() for values in arrays_of(child)]
    return []


def image_extractor(coder: Encoder, weights: Weights, prefix: str) -> ImageExtractor | None:
    """The image extractor of one leaf of the observation, or None where the weights have none."""
    prefix = f"{prefix}.extractors.{coder.key}" if coder.key else prefix
    if not weights.names(f"{prefix}.cnn."):
        return None
    if len(coder.shape) != 3:
        raise ArchiveError(f"{weights.where}: {prefix} sees images, but the space has shape {coder.shape}")
    channels, height, width = coder.shape
    convolutions = []
    for index, stride in enumerate(_STRIDES):
        name = f"{prefix}.cnn.{2 * index}"
        weight, bias = weights.take(f"{name}.weight", 4), weights.take(f"{name}.bias", 1)
        kernel = weight.shape[2:]
        weights.check(f"{name}.weight", (len(weight), channels, *kernel))
        weights.check(f"{name}.bias", (len(weight),))
        if kernel != ((8, 8), (4, 4), (3, 3))[index]:
            raise UnsupportedExpertError(
                f"{weights.where}: {name}", expected="NatureCNN", got=f"kernel {kernel}"
            )
        convolutions.append(Convolution(weight, bias, stride))
        height, width = (height - kernel[0]) // stride + 1, (width - kernel[1]) // stride + 1
        channels = len(weight)
    if height < 1 or width < 1:
        raise ArchiveError(f"{weights.where}: images of shape {coder.shape} are too small for NatureCNN")
    linear = weights.linear(f"{prefix}.linear.0", channels * height * width)
    return ImageExtractor(tuple(convolutions), linear)


def lstm_layers(weights: Weights, inputs: int) -> tuple[LstmLayer, ...]:
    """The layers of the actor's LSTM, of which there may be none."""
    layers: list[LstmLayer] = []
    while f"lstm_actor.weight_hh_l{len(layers)}" in weights:
        suffix = f"_l{len(layers)}"
        parts = []
        hidden = weights.take(f"lstm_actor.weight_hh{suffix}", 2).shape[1]
        for kind, size in (("ih", inputs), ("hh", hidden)):
            weight = weights.take(f"lstm_actor.weight_{kind}{suffix}", 2)
            weights.check(f"lstm_actor.weight_{kind}{suffix}", (4 * hidden, size))
            bias = None
            if f"lstm_actor.bias_{kind}{suffix}" in weights:
                bias = weights.take(f"lstm_actor.bias_{kind}{suffix}", 1)
                weights.check(f"lstm_actor.bias_{kind}{suffix}", (4 * hidden,))
            parts.append(Linear(weight, bias))
        layers.append(LstmLayer(*parts))
        inputs = hidden
    return tuple(layers)
