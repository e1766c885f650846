"""Behavioural cloning: a network that learns to do what was done, from observations and actions alone.

Pomerleau 1989, "ALVINN: An Autonomous Land Vehicle in a Neural Network". The loss is the cross-entropy of
choices (Discrete, MultiDiscrete, MultiBinary), or the mean squared error of actions that are scaled by the
demonstrations' own deviation (Box). Observations are normalised by the demonstrations' mean and deviation;
images go through the convolutions of Mnih et al. 2015 ("Nature CNN"). What comes out is a `Network`, which
plays as every expert does: with both scales within its weights, and without torch.

On one machine the same demonstrations and seed give the same weights: one thread, deterministic algorithms,
and generators that are seeded here and put back as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from builder.baseline.config import TrainConfig
from builder.episodes.spaces import Array, Leaf, Spaces, describe, from_description, leaves
from builder.errors import SpaceError, UnsupportedExpertError
from builder.experts.network.encoding import Encoder, encode, encoders, is_image_space
from builder.experts.network.network import (
    ContinuousHead,
    Convolution,
    DiscreteHead,
    ImageExtractor,
    Linear,
    Network,
)

if TYPE_CHECKING:
    import torch

NATURE = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Outputs, size and stride of each convolution: Mnih et al. 2015."""
NATURE_FEATURES = 512
"""Of the layer after them."""
LEAST_IMAGE = 36
"""Pixels of a side that these convolutions leave something of; smaller images are taken as numbers."""
LEAST_DEVIATION = 1e-3
"""What a component that hardly changes is divided by; else an unseen change of it would be immense."""

FARTHEST = 10.0
"""Deviations from the mean that stand for infinity."""


@dataclass(frozen=True)
class Demonstrations:
    """What was observed, and what was done.

    Attributes:
        spaces: of both.
        observations: per leaf of the observation space [steps, *leaf shape].
        actions: [steps, *action shape].
    """

    spaces: Spaces
    observations: Sequence[Array]
    actions: Array


def clone(shown: Demonstrations, training: TrainConfig, seed: int) -> Network:
    """A network that does what was shown to it.

    Args:
        shown: the demonstrations.
        training: how it learns.
        seed: of its first weights and of the order of the steps.

    Raises:
        UnsupportedExpertError: no network is made for such spaces.
    """
    import torch

    seen = _seen(shown)
    goal = _goal(shown)
    with _reproducible(seed):
        learner = _learner(seen, goal, training)
        optimizer = torch.optim.Adam(learner.parameters(), lr=training.learning_rate)
        slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=training.steps)
        order = np.random.default_rng(seed)
        for rows in _batches(len(goal.targets), training, order):
            optimizer.zero_grad()
            loss = goal.loss(learner(seen.features(rows)), torch.from_numpy(goal.targets[rows]))
            loss.backward()  # type: ignore[no-untyped-call]  # torch says no more
            optimizer.step()
            slower.step()
        return _network(learner, seen, goal)


def _batches(steps: int, training: TrainConfig, order: np.random.Generator) -> Iterator[Array]:
    """Rows of each gradient step: every step of the demonstrations once, in a random order, then again."""
    waiting = np.empty(0, np.int64)
    for _ in range(training.steps):
        while len(waiting) < training.batch_size:
            waiting = np.concatenate([waiting, order.permutation(steps)])
        yield waiting[: training.batch_size]
        waiting = waiting[training.batch_size :]


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Torch on one thread, deterministic and seeded; afterwards it is as it was."""
    import torch

    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(mode=strict)
        torch.set_num_threads(threads)


# What goes in


@dataclass(frozen=True)
class _Seen:
    """Observations as the network takes them.

    Attributes:
        space: the observation space, images channels first.
        encoders: of its leaves.
        values: per encoder its leaf [steps, ...]: images as they are, all else as features, float32, scaled.
        scales: per encoder the mean and the deviation of each feature; None of images.
    """

    space: gym.Space[Any]
    encoders: tuple[Encoder, ...]
    values: tuple[Array, ...]
    scales: tuple[tuple[Array, Array] | None, ...]

    def features(self, rows: Array) -> list[torch.Tensor]:
        """Per encoder what a batch of rows is to the network: features, or pixels from 0 to 1."""
        import torch

        found = []
        for encoder, values, scale in zip(self.encoders, self.values, self.scales, strict=True):
            batch = encode(encoder, values[rows]) if scale is None else values[rows]
            found.append(torch.from_numpy(batch))
        return found


def _seen(shown: Demonstrations) -> _Seen:
    found = leaves(shown.spaces.observation, "observation space")
    if any(len(leaf.path) > 1 or any(type(key) is int for key in leaf.path) for leaf in found):
        raise _unsupported("observations", shown.spaces.observation)
    space = _channels_first(shown.spaces.observation)
    places = {leaf.name: index for index, leaf in enumerate(found)}
    made = encoders(space, normalize_images=True)
    values: list[Array] = []
    scales: list[tuple[Array, Array] | None] = []
    for encoder in made:
        leaf = found[places[encoder.key]]
        given = shown.observations[places[encoder.key]]
        if _is_seen_as_image(encoder):
            first = given if leaf.shape == encoder.shape else given.transpose(0, 3, 1, 2)
            values.append(first)
            scales.append(None)
        else:
            features = _numbers(encoder, leaf, given)
            scales.append(scale := _scale(features))
            values.append(_scaled(features, scale))
    return _Seen(space, made, tuple(values), tuple(scales))


def _numbers(encoder: Encoder, leaf: Leaf, given: Array) -> Array:
    """float32 [steps, features] of a leaf that is no image, or too small for convolutions."""
    ordered = given if leaf.shape == encoder.shape else given.transpose(0, 3, 1, 2)
    return encode(encoder, ordered).reshape(len(given), -1).astype(np.float32)


def _is_seen_as_image(encoder: Encoder) -> bool:
    return encoder.scaled and min(encoder.shape[1:]) >= LEAST_IMAGE


def _channels_first(space: gym.Space[Any]) -> gym.Space[Any]:
    """An observation space with its images as torch and `Network` have them.

    Which axis has the channels is told as Stable-Baselines3 tells it (`is_image_space_channels_first`): the
    shortest one.
    """
    if isinstance(space, gym.spaces.Dict):
        return gym.spaces.Dict({key: _channels_first(child) for key, child in space.spaces.items()})
    if not is_image_space(space) or int(np.argmin(space.shape or ())) == 0:
        return from_description(describe(space))
    height, width, channels = space.shape or ()
    return gym.spaces.Box(0, 255, (channels, height, width), np.uint8)


def _scale(features: Array) -> tuple[Array, Array]:
    """float32 mean and deviation of each feature, over the values that are finite."""
    finite = np.where(np.isfinite(features), features, np.nan).astype(np.float64)
    if not len(features):
        raise SpaceError("there are no demonstrations")
    known = np.isfinite(finite).any(axis=0)
    finite[:, ~known] = 0.0
    deviation = np.maximum(np.nanstd(finite, axis=0), LEAST_DEVIATION)
    return np.nanmean(finite, axis=0).astype(np.float32), deviation.astype(np.float32)


def _scaled(features: Array, scale: tuple[Array, Array]) -> Array:
    """Features by their mean and deviation; what is not finite is as far off as any may be."""
    mean, deviation = scale
    with np.errstate(invalid="ignore"):
        return np.nan_to_num((features - mean) / deviation, posinf=FARTHEST, neginf=-FARTHEST)


# What comes out


@dataclass(frozen=True)
class _Goal:
    """Actions as the network learns them.

    Attributes:
        space: the action space.
        targets: int64 [steps, components] of choices, or float32 [steps, numbers], scaled.
        counts: choices of each component; empty: numbers.
        scale: mean and deviation of each number.
    """

    space: gym.Space[Any]
    targets: Array
    counts: tuple[int, ...] = ()
    scale: tuple[Array, Array] | None = None

    @property
    def size(self) -> int:
        """How many outputs the network has."""
        return sum(self.counts) or int(self.targets.shape[1])

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """How far the outputs for a batch are from what was done."""
        import torch

        if not self.counts:
            return torch.nn.functional.mse_loss(outputs, targets)
        parts = torch.split(outputs, list(self.counts), dim=1)
        losses = [
            torch.nn.functional.cross_entropy(part, targets[:, index]) for index, part in enumerate(parts)
        ]
        return torch.stack(losses).sum()


def _goal(shown: Demonstrations) -> _Goal:
    space = shown.spaces.action
    actions = shown.actions.reshape(len(shown.actions), -1)
    if isinstance(space, gym.spaces.Box) and space.dtype is not None and space.dtype.kind == "f":
        mean, deviation = _scale(actions.astype(np.float32))
        targets = (actions.astype(np.float32) - mean) / deviation
        return _Goal(space, targets.astype(np.float32), scale=(mean, deviation))
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return _Goal(space, actions.astype(np.int64), (int(space.n),))
    if isinstance(space, gym.spaces.MultiDiscrete) and space.nvec.ndim == 1 and not space.start.any():
        return _Goal(space, actions.astype(np.int64), tuple(int(count) for count in space.nvec))
    if isinstance(space, gym.spaces.MultiBinary):
        return _Goal(space, actions.astype(np.int64), (2,) * actions.shape[1])
    raise _unsupported("actions", space)


def _unsupported(what: str, space: gym.Space[Any]) -> UnsupportedExpertError:
    return UnsupportedExpertError(
        f"no baseline learns from {what} in {str(space)[:200]}",
        expected="Discrete and MultiDiscrete from 0 on, MultiBinary, Box (of actions: floats)"
        + (", or a Dict of them" if what == "observations" else ""),
    )


# The network


def _learner(seen: _Seen, goal: _Goal, training: TrainConfig) -> Any:
    """The torch module that learns: per encoder's features, their join, hidden layers, outputs."""
    import torch
    from torch import nn

    class Learner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            looks = [
                _look(encoder) if _is_seen_as_image(encoder) else nn.Flatten() for encoder in seen.encoders
            ]
            self.looks = nn.ModuleList(looks)
            sizes = [
                NATURE_FEATURES if _is_seen_as_image(encoder) else values.shape[1]
                for encoder, values in zip(seen.encoders, seen.values, strict=True)
            ]
            widths = [sum(sizes), *training.hidden]
            self.hidden = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
            self.output = nn.Linear(widths[-1], goal.size)

        def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
            x = torch.cat([look(part) for look, part in zip(self.looks, features, strict=True)], dim=1)
            for layer in self.hidden:
                x = torch.relu(layer(x))
            outputs: torch.Tensor = self.output(x)
            return outputs

    return Learner()


def _look(encoder: Encoder) -> Any:
    """The Nature CNN for images of an encoder's shape, channels first."""
    from torch import nn

    channels, *sides = encoder.shape
    layers: list[nn.Module] = []
    for outputs, size, stride in NATURE:
        layers += [nn.Conv2d(channels, outputs, size, stride), nn.ReLU()]
        sides = [(side - size) // stride + 1 for side in sides]
        channels = outputs
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(channels * int(np.prod(sides)), NATURE_FEATURES), nn.ReLU()
    )


def _network(learner: Any, seen: _Seen, goal: _Goal) -> Network:
    """What was learned, with both scales in the weights of the first and the last layer."""
    layers = [_linear(layer) for layer in (*learner.hidden, learner.output)]
    layers[0] = _with_inputs_scaled(layers[0], seen)
    if goal.scale is not None:
        mean, deviation = goal.scale
        last = layers[-1]
        bias = np.zeros(len(last.weight), np.float32) if last.bias is None else last.bias
        layers[-1] = Linear(last.weight * deviation[:, None], bias * deviation + mean)
    elif isinstance(goal.space, gym.spaces.MultiBinary):
        layers[-1] = _difference(layers[-1])
    binary = isinstance(goal.space, gym.spaces.MultiBinary)
    counts = (1,) * len(goal.counts) if binary else goal.counts
    return Network(
        observation_space=seen.space,
        action_space=goal.space,
        encoders=seen.encoders,
        extractors=tuple(
            _extractor(look) if _is_seen_as_image(encoder) else None
            for encoder, look in zip(seen.encoders, learner.looks, strict=True)
        ),
        lstm=(),
        hidden=tuple(layers[:-1]),
        activation="ReLU",
        output=layers[-1],
        head=DiscreteHead(counts, binary=binary) if counts else ContinuousHead(squash=False),
    )


def _linear(layer: Any) -> Linear:
    return Linear(layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())


def _extractor(look: Any) -> ImageExtractor:
    convolutions = [
        Convolution(layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy(), stride)
        for layer, (_, _, stride) in zip([*look][: 2 * len(NATURE) : 2], NATURE, strict=True)
    ]
    return ImageExtractor(tuple(convolutions), _linear(look[-2]))


def _with_inputs_scaled(layer: Linear, seen: _Seen) -> Linear:
    """The first layer for features as they come: `w ((x - m) / d)` is `(w / d) x`, and a bias less."""
    means, deviations = [], []
    for scale in seen.scales:
        mean, deviation = scale or (np.zeros(NATURE_FEATURES), np.ones(NATURE_FEATURES))
        means.append(mean)
        deviations.append(deviation)
    weight = layer.weight.astype(np.float64) / np.concatenate(deviations)
    bias = (0.0 if layer.bias is None else layer.bias) - weight @ np.concatenate(means).astype(np.float64)
    return Linear(weight.astype(np.float32), bias.astype(np.float32))


def _difference(layer: Linear) -> Linear:
    """Of the scores of zero and one of each bit, the logit of one: their difference."""
    bias = np.zeros(len(layer.weight), np.float32) if layer.bias is None else layer.bias
    return Linear(layer.weight[1::2] - layer.weight[::2], bias[1::2] - bias[::2])
