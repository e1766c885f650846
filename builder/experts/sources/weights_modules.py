"""A torch module, layer by layer, as `expert.json` of `expert=weights` has it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ConfigError, UnsupportedExpertError
from builder.experts.network.forward import Forward
from builder.experts.sources.weights_layers import ACTIVATION_NAMES, Spaces, Tensors, network_of

ASKED = 16
"""Observations that a module is asked about once it is written."""
NAMED = {theirs: ours for ours, theirs in ACTIVATION_NAMES.items()}
"""What `expert.json` calls torch's activation functions."""


@dataclass
class Written:
    """What goes into the two files.

    Attributes:
        content: of `expert.json`.
        arrays: the tensors, by name.
    """

    content: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)

    def keep(self, name: str, values: Any, dtype: type = np.float32) -> str:
        """Put a tensor among the others, and give its name."""
        if hasattr(values, "detach"):
            values = values.detach().cpu().numpy()
        self.arrays[name] = np.ascontiguousarray(values, dtype)
        return name

    def layer(self, kind: str, name: str = "", **values: Any) -> dict[str, Any]:
        """One more layer; of `weight` and `bias` what is None is left out."""
        layer: dict[str, Any] = {"kind": kind}
        for key, value in values.items():
            if key in ("weight", "bias"):
                layer |= {} if value is None else {key: self.keep(f"{name}.{key}", value)}
            else:
                layer[key] = value
        self.content["layers"].append(layer)
        return layer

    def activate(self, activation: Any) -> None:
        """An activation function after the last layer, as `expert.json` has it."""
        layers = self.content["layers"]
        if activation == "identity":
            return
        if (
            layers
            and layers[-1]["kind"] in ("linear", "conv2d", "layer_norm")
            and "activation" not in layers[-1]
        ):
            layers[-1]["activation"] = activation
        else:
            layers.append({"kind": "activation", "activation": activation})


def write_sequence(module: Any, space: gym.Space[Any], written: Written, *, mean_only: bool) -> None:
    """The layers of a `torch.nn.Sequential`.

    Args:
        module: the module.
        space: of actions.
        written: what they are added to.
        mean_only: of what the last layer gives, the second half is left out.

    Raises:
        ConfigError: it gives another number of outputs.
        UnsupportedExpertError: a part of it cannot be written.
    """
    found = list(_leaves(module, ""))
    found = found[: len(found) - len(list(_left_out(module, space)))]
    for name, part in found:
        _write_part(name, part, written)
    layers = written.content["layers"]
    if mean_only:
        _halve(layers[-1] if layers else {}, space, written)


def check_written(module: Any, spaces: Spaces, written: Written, *, mean_only: bool) -> None:
    """Ask the module and what was written of it about the same numbers.

    Args:
        module: the module.
        spaces: of observations and actions.
        written: what `write_sequence` made of it.
        mean_only: see there.

    Raises:
        UnsupportedExpertError: it answers otherwise, with a hook or a method of its own for instance.
    """
    import torch

    network = network_of({"layers": written.content["layers"]}, spaces, Tensors(written.arrays, "the module"))
    rng = np.random.default_rng(0)
    shapes = [coder.shape if len(coder.shape) == 3 else (coder.size,) for coder in network.encoders]
    inputs = [rng.random((ASKED, *shape), np.float32) for shape in shapes]
    whole = inputs[0] if len(inputs) == 1 else np.concatenate([x.reshape(ASKED, -1) for x in inputs], axis=1)
    asked = copy.deepcopy(module).cpu().float().eval()
    values = torch.as_tensor(Forward(network, np.float64)(inputs).values)
    with torch.no_grad():
        for part in reversed(list(_left_out(module, spaces[1]))):
            values = part(values)
        try:
            theirs = asked(torch.as_tensor(whole))
        except (RuntimeError, IndexError) as error:
            raise UnsupportedExpertError(f"the module does not take observations: {error}"[:300]) from error
    theirs = theirs[:, : values.shape[1]] if mean_only else theirs
    if theirs.shape != values.shape or not torch.allclose(theirs.double(), values, rtol=1e-3, atol=1e-3):
        raise UnsupportedExpertError(
            "the module does not compute what its parts do one after another, so it cannot be written",
            remedy="write expert.json yourself, or export it to ONNX: docs/experts.md",
        )


def _left_out(module: Any, space: gym.Space[Any]) -> Iterator[Any]:
    """What `write_sequence` leaves out at the end, the last first."""
    for _, part in reversed(list(_leaves(module, ""))):
        if type(part).__name__ not in _at_end(space):
            return
        yield part


def _at_end(space: gym.Space[Any]) -> set[str]:
    """What a module may end with that does not change which choice is the best."""
    if isinstance(space, gym.spaces.Box):
        return set()
    return {"Sigmoid"} if isinstance(space, gym.spaces.MultiBinary) else {"Softmax", "LogSoftmax"}


def _halve(layer: Mapping[str, Any], space: gym.Space[Any], written: Written) -> None:
    size = int(np.prod(space.shape or ()))
    given = len(written.arrays[layer["weight"]]) if layer.get("kind") == "linear" else 0
    if given != 2 * size or "activation" in layer:
        raise ConfigError(
            "save_weights(mean_only=)", expected=f"a linear layer of {2 * size} outputs at the end", got=given
        )
    for key in ("weight", "bias"):
        if key in layer:
            written.keep(layer[key], written.arrays[layer[key]][:size])


def _leaves(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The modules within nested `Sequential`s, with the names that a state dict has for them."""
    if _kind(module) == "Sequential":
        for key, child in module.named_modules(remove_duplicate=False):  # `named_children` gives one once
            if key and "." not in key:
                yield from _leaves(child, f"{name}.{key}" if name else key)
    else:
        yield name, module


def _kind(module: Any) -> str:
    """The name of torch's own class; of any other, and of what is derived of one, nothing."""
    cls = type(module)
    return cls.__name__ if cls.__module__.startswith("torch.nn.modules.") else ""


def _write_part(name: str, part: Any, written: Written) -> None:
    writer = _PARTS.get(_kind(part))
    if writer is None:
        raise UnsupportedExpertError(
            f"save_weights cannot write the module {name or 'given'!r}, a {type(part).__name__}",
            expected=f"a torch.nn.Sequential of {', '.join(sorted(_PARTS))}",
            remedy="write expert.json yourself, or export it to ONNX: docs/experts.md",
        )
    writer(name, part, written)


def _refused(name: str, part: Any, why: str) -> UnsupportedExpertError:
    return UnsupportedExpertError(
        f"save_weights cannot write the module {name!r}, a {type(part).__name__} {why}"
    )


def _linear(name: str, part: Any, written: Written) -> None:
    written.layer("linear", name, weight=part.weight, bias=part.bias)


def _conv2d(name: str, part: Any, written: Written) -> None:
    if part.groups != 1 or tuple(part.dilation) != (1, 1) or part.padding_mode != "zeros":
        raise _refused(name, part, "with groups, dilation or another padding than zeros")
    padding: Any = [0, 0] if part.padding == "valid" else part.padding
    if padding == "same":
        padding = [[(k - 1) // 2, k // 2] for k in part.kernel_size]
    sizes = {"stride": list(part.stride), "padding": list(padding)}
    written.layer("conv2d", name, weight=part.weight, bias=part.bias, **sizes)


def _layer_norm(name: str, part: Any, written: Written) -> None:
    if len(part.normalized_shape) != 1:
        raise _refused(name, part, "of more than one axis")
    written.layer("layer_norm", name, weight=part.weight, bias=part.bias, epsilon=part.eps)


def _flatten(name: str, part: Any, written: Written) -> None:
    if (part.start_dim, part.end_dim) != (1, -1):
        raise _refused(name, part, "of some axes")
    if any(layer["kind"] == "conv2d" for layer in written.content["layers"]):
        written.layer("flatten")


def _skip(name: str, part: Any, written: Written) -> None:
    """It does nothing where a policy acts."""


def _activation(name: str, part: Any, written: Written) -> None:
    kind = _kind(part)
    parameters = {"ELU": ("alpha", 1.0), "LeakyReLU": ("negative_slope", 0.01), "Softplus": ("beta", 1.0)}
    if kind in parameters and getattr(part, parameters[kind][0]) != parameters[kind][1]:
        written.activate({"name": NAMED[kind], "parameter": float(getattr(part, parameters[kind][0]))})
        return
    if kind == "Hardtanh" and (part.min_val, part.max_val) != (-1, 1):
        raise _refused(name, part, "of other bounds than -1 and 1")
    approximate = kind == "GELU" and part.approximate == "tanh"
    written.activate("gelu_tanh" if approximate else NAMED[kind])


_PARTS: dict[str, Callable[[str, Any, Written], None]] = {
    "Linear": _linear,
    "Conv2d": _conv2d,
    "LayerNorm": _layer_norm,
    "Flatten": _flatten,
    "Dropout": _skip,
    **{name: _activation for name in ACTIVATION_NAMES.values() if name != "GELUTanh"},
}
"""How each kind of module is written."""
