"""CleanRL's models of JAX: parameters of flax.

Sources: CleanRL's `dqn_jax.py` and `c51_jax.py`, those for Atari, and `ppo_atari_envpool_xla_jax_scan.py`;
Cleanba's `cleanba_ppo` (its network is IMPALA's): their networks, and what they give to
`flax.serialization.to_bytes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.network.encoding import encoders
from builder.experts.network.network import (
    AtomsHead,
    Convolution,
    DiscreteHead,
    ImageExtractor,
    Linear,
    Network,
    PaddedConvolution,
    ResidualExtractor,
    ResidualStage,
)
from builder.experts.network.residual import CHANNELS

SCREENS = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
_NATURE = ((8, 4), (4, 2), (3, 1))
"""Kernel and stride of each convolution."""


@dataclass(frozen=True, eq=False)
class FlaxModel:
    """What such a file holds.

    Attributes:
        algorithm: by its layout and settings.
        network: what acts.
        settings: the script's arguments, where they are in the file.
    """

    algorithm: str
    network: Network
    settings: dict[str, Any] = field(default_factory=dict)


def flax_model(value: Any, where: str, epsilon: float) -> FlaxModel:
    """The model that the values of a file are.

    Args:
        value: what the file holds.
        where: its name, for messages.
        epsilon: the share of uniform actions where it explores.

    Raises:
        ArchiveError: it does not fit together.
        UnsupportedExpertError: it is another model.
    """
    keys = set(value) if isinstance(value, dict) else set()
    exploring: dict[str, Any] = {"sampling": "epsilon", "exploration_rate": epsilon}
    if keys == {"params"}:
        network = _network(_Parameters(value, where), lambda n: DiscreteHead((n,), **exploring))
        return FlaxModel("DQN", network)
    if keys == {"model_weights", "args"}:
        settings = _settings(value["args"], where)
        atoms = _atoms(settings, where)
        parameters = _Parameters(value["model_weights"], where)
        network = _network(parameters, lambda n: AtomsHead((n,), **exploring, atoms=atoms), len(atoms))
        return FlaxModel("C51", network, settings)
    parts = value["1"] if keys == {"0", "1"} else None
    if isinstance(parts, dict) and set(parts) == {"0", "1", "2"} and "params" not in value["0"]:
        settings = _settings(value["0"], where)
        actor = _Parameters(parts["1"], where)
        network = _network(_Parameters(parts["0"], where), lambda n: DiscreteHead((n,)), actor=actor)
        return FlaxModel("PPO", network, settings)
    raise UnsupportedExpertError(
        f"{where}: parameters of flax in a layout that is not known",
        expected="DQN, C51 or PPO; of DDPG and TD3 the bounds of actions are not in the file",
        got=", ".join(sorted(keys))[:80],
    )


class _Parameters:
    """The layers of a flax module, each of which must be taken."""

    def __init__(self, value: Any, where: str) -> None:
        self.where = where
        tree = value.get("params") if isinstance(value, dict) else None
        if not isinstance(tree, dict):
            raise ArchiveError(f"{where}: a network without parameters")
        self._arrays = dict(_leaves(tree, ""))

    def __contains__(self, name: str) -> bool:
        return f"{name}.kernel" in self._arrays

    def take(self, name: str, rank: int) -> tuple[Array, Array]:
        """The kernel, of this rank, and the bias of a layer."""
        kernel, bias = (self._arrays.pop(f"{name}.{part}", None) for part in ("kernel", "bias"))
        for values, wanted in ((kernel, rank), (bias, 1)):
            if not isinstance(values, np.ndarray) or values.ndim != wanted or values.dtype != np.float32:
                raise ArchiveError(
                    f"{self.where}: {name}", expected=f"float32 of rank {wanted}", got=str(values)[:40]
                )
        if bias.shape != kernel.shape[-1:]:
            raise ArchiveError(f"{self.where}: {name}: bias of shape {bias.shape} for {kernel.shape}")
        return kernel, np.array(bias)

    def linear(self, name: str, inputs: int | None = None) -> Linear:
        """A fully connected layer, which takes so many numbers."""
        kernel, bias = self.take(name, 2)
        if inputs is not None and len(kernel) != inputs:
            raise ArchiveError(f"{self.where}: {name}", expected=f"{inputs} inputs", got=len(kernel))
        return Linear(np.ascontiguousarray(kernel.T), bias)

    def behind(self, name: str, shape: tuple[int, int, int]) -> Linear:
        """A fully connected layer on pictures [height, width, channels], as one on channels first."""
        layer = self.linear(name, int(np.prod(shape)))
        weight = layer.weight.reshape(-1, *shape).transpose(0, 3, 1, 2)
        return Linear(np.ascontiguousarray(weight.reshape(len(weight), -1)), layer.bias)

    def convolution(self, name: str, side: int, inputs: int) -> tuple[Array, Array]:
        """Weight [outputs, inputs, side, side] and bias of a convolution."""
        kernel, bias = self.take(name, 4)
        if kernel.shape[:3] != (side, side, inputs) or not 0 < len(bias) <= CHANNELS:
            raise ArchiveError(
                f"{self.where}: {name}", expected=f"{side} x {side} x {inputs}", got=kernel.shape
            )
        return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), bias

    def check_all_taken(self) -> None:
        if self._arrays:
            raise UnsupportedExpertError(
                f"{self.where}: {len(self._arrays)} parameters have no known place in the policy",
                got=", ".join(sorted(self._arrays)[:4])[:200],
                remedy="the policy is not one of CleanRL's own",
            )


def _leaves(tree: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        found += (
            _leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
        )
    return found


def _settings(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ArchiveError(f"{where}: a script's arguments", got=type(value).__name__)
    return value


def _atoms(settings: dict[str, Any], where: str) -> Array:
    low, high, count = (settings.get(name, "") for name in ("v_min", "v_max", "n_atoms"))
    numbers = all(type(bound) in {int, float} and abs(bound) < 1e9 for bound in (low, high))
    if not numbers or type(count) is not int or not 1 <= count <= 10_000:
        raise ArchiveError(
            f"{where}: impossible atoms", got=f"v_min, v_max, n_atoms {(low, high, count)}"[:80]
        )
    return np.linspace(low, high, num=count).astype(np.float32)


def _network(parameters: _Parameters, head: Any, each: int = 1, actor: _Parameters | None = None) -> Network:
    """The acting network; `head` makes the head of a number of choices, of which each has `each` outputs."""
    extractor: ImageExtractor | ResidualExtractor | None = None
    hidden: tuple[Linear, ...] = ()
    if "ConvSequence_0.Conv_0" in parameters:
        extractor = _residual(parameters)
    elif "Conv_0" in parameters:
        extractor = _nature(parameters)
    first = 0 if extractor is None else 1
    width = None if extractor is None else len(extractor.linear.weight)
    while f"Dense_{first + len(hidden)}" in parameters:
        hidden += (parameters.linear(f"Dense_{first + len(hidden)}", width),)
        width = len(hidden[-1].weight)
    parameters.check_all_taken()
    if actor is not None:
        hidden += (actor.linear("Dense_0", width),)
        actor.check_all_taken()
    if not hidden or len(hidden[-1].weight) % each:
        raise ArchiveError(f"{parameters.where}: no last layer of as many outputs as there are actions")
    *inner, output = hidden
    space: gym.spaces.Box = SCREENS
    if extractor is None:
        space = gym.spaces.Box(-np.inf, np.inf, (hidden[0].weight.shape[1],), np.float32)
    actions = len(output.weight) // each
    coders = encoders(space, normalize_images=True)
    choice = gym.spaces.Discrete(actions)
    return Network(space, choice, coders, (extractor,), (), tuple(inner), "ReLU", output, head(actions))


def _nature(parameters: _Parameters) -> ImageExtractor:
    convolutions: list[Convolution] = []
    channels, size = SCREENS.shape[0], SCREENS.shape[1]
    for index, (side, stride) in enumerate(_NATURE):
        weight, bias = parameters.convolution(f"Conv_{index}", side, channels)
        convolutions.append(Convolution(weight, bias, stride))
        channels, size = len(weight), (size - side) // stride + 1
    return ImageExtractor(tuple(convolutions), parameters.behind("Dense_0", (size, size, channels)))


def _residual(parameters: _Parameters) -> ResidualExtractor:
    stages: list[ResidualStage] = []
    channels, size = SCREENS.shape[0], SCREENS.shape[1]
    while (stage := f"ConvSequence_{len(stages)}") and f"{stage}.Conv_0" in parameters:
        first = PaddedConvolution(*parameters.convolution(f"{stage}.Conv_0", 3, channels))
        channels, size = len(first.weight), (size + 1) // 2
        blocks: list[tuple[PaddedConvolution, PaddedConvolution]] = []
        while (block := f"{stage}.ResidualBlock_{len(blocks)}") and f"{block}.Conv_0" in parameters:
            before, after = (
                PaddedConvolution(*parameters.convolution(f"{block}.Conv_{index}", 3, channels))
                for index in (0, 1)
            )
            blocks.append((before, after))
            if {len(before.weight), len(after.weight)} != {channels}:
                raise ArchiveError(f"{parameters.where}: {block} changes the number of channels")
        stages.append(ResidualStage(first, tuple(blocks)))
    linear = parameters.behind("Dense_0", (size, size, channels))
    return ResidualExtractor(tuple(stages), linear, centred=False)
