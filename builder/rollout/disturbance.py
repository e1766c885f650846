"""What comes between the actions that an expert chooses and those that are done.

All of it is drawn per attempt from streams of its own, a fixed number of draws for each step: what is done
depends neither on the other lanes nor on how much noise there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.bounds import bounds, finite_bounds
from builder.episodes.context import Context
from builder.episodes.noise import ADDED, Noise
from builder.episodes.seeding import NOISE, stream_generator
from builder.episodes.spaces import Array, Leaf, leaves


class Disturbance:
    """The noise of one worker, for all its lanes.

    Args:
        noise: how much, of what kind; it fits the space.
        space: the action space.
    """

    def __init__(self, noise: Noise, space: gym.Space[Any]) -> None:
        self._leaves = leaves(space, "action space")
        self._made: Callable[[], _Lane] = _kinds(noise, self._leaves)
        self._lanes: dict[int, _Lane] = {}

    def begin(self, lane: int, context: Context) -> None:
        """An attempt starts on this lane."""
        self._lanes[lane] = self._made()
        self._lanes[lane].rng = stream_generator(context.root_seed, context.index, NOISE)

    def apply(
        self, actions: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> list[Array]:
        """What is done in the place of some actions, within the bounds of their space.

        Args:
            actions: per leaf [rows, ...]; they stay as they are.
            lanes: of the rows.
            masks: bool [rows, choices]: which choices are allowed; None: all.
        """
        done = [values.copy() for values in actions]
        for row, lane in enumerate(lanes):
            mask = None if masks is None else masks[row]
            changed = self._lanes[lane].step([values[row] for values in done], mask)
            for values, value in zip(done, changed, strict=True):
                values[row] = value
        return done


class _Lane:
    """The noise of one attempt."""

    rng: np.random.Generator

    def step(self, action: list[Array], mask: Array | None) -> list[Array]:
        """What is done in the place of an action: per leaf [...], in the leaf's dtype."""
        raise NotImplementedError


def _kinds(noise: Noise, found: Sequence[Leaf]) -> Callable[[], _Lane]:
    """What makes the state of an attempt."""
    if noise.kind in ADDED:
        added = _Added(noise, found)
        return lambda: _AddedLane(added)
    amount = noise.level if isinstance(noise.level, float) else 0.0
    draws = [_Choices.of(leaf) for leaf in found]
    if noise.kind == "sticky":
        return lambda: _StickyLane(amount, draws)
    return lambda: _EpsilonLane(amount, draws)


class _Added:
    """What is added to continuous actions, but for the draws."""

    def __init__(self, noise: Noise, found: Sequence[Leaf]) -> None:
        self.leaves = found
        self.sizes = [math.prod(leaf.shape) for leaf in found]
        self.uniform = noise.kind == "uniform"
        self.kept = 1.0 - noise.theta if noise.kind == "ou" else 0.0
        self.fresh = math.sqrt(1.0 - self.kept**2)
        self.scale = np.broadcast_to(np.asarray(noise.level or 0.0, np.float64), sum(self.sizes))
        self.factor = noise.factor() if noise.cov is not None else None
        self.bounds = [finite_bounds(leaf) for leaf in found]

    def scaled(self, drawn: Array) -> Array:
        """Draws of unit size, float64 [numbers], as what is added."""
        if self.factor is None:
            added: Array = self.scale * drawn
            return added
        total = np.zeros(len(drawn))
        for column, value in zip(self.factor.T, drawn, strict=True):  # in a fixed order
            total += column * value
        return total


class _AddedLane(_Lane):
    def __init__(self, added: _Added) -> None:
        self._added = added
        self._before: Array | None = None

    def step(self, action: list[Array], mask: Array | None) -> list[Array]:
        added, count = self._added, sum(self._added.sizes)
        drawn = self.rng.uniform(-1.0, 1.0, count) if added.uniform else self.rng.standard_normal(count)
        if added.kept and self._before is not None:  # of unit variance at every step
            drawn = added.kept * self._before + added.fresh * drawn
        self._before = drawn
        parts = np.split(added.scaled(drawn), np.cumsum(added.sizes)[:-1])
        return [
            np.clip(value.astype(np.float64) + part.reshape(leaf.shape), low, high).astype(leaf.dtype)
            for leaf, value, part, (low, high) in zip(added.leaves, action, parts, added.bounds, strict=True)
        ]


@dataclass(frozen=True)
class _Choices:
    """What there is to choose from in a leaf of an action space.

    Attributes:
        leaf: the leaf.
        low: the least value of each of its numbers, flat.
        counts: how many values each has, flat; None: of a Box, which is drawn from as a whole.
    """

    leaf: Leaf
    low: Array
    counts: Array | None

    @staticmethod
    def of(leaf: Leaf) -> _Choices:
        """The choices of a leaf."""
        low, high = (np.broadcast_to(np.asarray(bound), leaf.shape).reshape(-1) for bound in bounds(leaf))
        if isinstance(leaf.space, gym.spaces.Box):
            return _Choices(leaf, low, None)
        return _Choices(leaf, low, high.astype(np.int64) - low.astype(np.int64) + 1)

    def drawn(self, rng: np.random.Generator, epsilon: float, action: Array, mask: Array | None) -> Array:
        """The action, or with the probability `epsilon` a uniform draw: of each choice, or of a whole Box."""
        size = len(self.low)
        if self.counts is None:
            chance, values = rng.random(), rng.random(size)
            return self._in_box(values).reshape(self.leaf.shape) if chance < epsilon else action
        chances, values = rng.random(size), rng.random(size)
        picked = self._picked(self.counts, values, mask)
        flat = np.where(chances < epsilon, picked, np.asarray(action).reshape(-1))
        return flat.astype(self.leaf.dtype).reshape(self.leaf.shape)

    def _in_box(self, values: Array) -> Array:
        low, high = (np.asarray(bound) for bound in bounds(self.leaf))
        flat = [bound.reshape(-1).astype(np.float64) for bound in (low, high)]
        if self.leaf.dtype.kind != "f":
            whole: Array = flat[0] + np.floor(values * (flat[1] - flat[0] + 1))
            return whole.astype(self.leaf.dtype)
        found: Array = np.clip(flat[0] * (1 - values) + flat[1] * values, flat[0], flat[1])
        return found.astype(self.leaf.dtype)

    def _picked(self, counts: Array, values: Array, mask: Array | None) -> Array:
        """A choice for each number in [0, 1): among those that are allowed, where any is."""
        if mask is None:
            found: Array = self.low + np.floor(values * counts).astype(np.int64)
            return found
        parts = np.split(mask, np.cumsum(counts)[:-1])
        allowed = [np.flatnonzero(part if part.any() else ~part) for part in parts]
        picked = [choices[int(value * len(choices))] for choices, value in zip(allowed, values, strict=True)]
        among: Array = self.low + np.array(picked, np.int64)
        return among

    def allows(self, action: Array, mask: Array) -> bool:
        """Whether a mask allows an action."""
        if self.counts is None:
            return True
        offsets = np.cumsum(self.counts) - self.counts
        return bool(mask[offsets + (np.asarray(action).reshape(-1) - self.low)].all())


class _EpsilonLane(_Lane):
    def __init__(self, epsilon: float, draws: Sequence[_Choices]) -> None:
        self._epsilon, self._draws = epsilon, draws

    def step(self, action: list[Array], mask: Array | None) -> list[Array]:
        pairs = zip(self._draws, action, strict=True)
        return [draws.drawn(self.rng, self._epsilon, value, mask) for draws, value in pairs]


class _StickyLane(_Lane):
    def __init__(self, probability: float, draws: Sequence[_Choices]) -> None:
        self._probability, self._draws = probability, draws
        self._before: list[Array] | None = None

    def step(self, action: list[Array], mask: Array | None) -> list[Array]:
        before, sticks = self._before, self.rng.random() < self._probability
        if before is not None and sticks and self._allowed(before, mask):
            return before
        self._before = [np.array(value) for value in action]
        return self._before

    def _allowed(self, action: list[Array], mask: Array | None) -> bool:
        pairs = zip(self._draws, action, strict=True)
        return mask is None or all(draws.allows(value, mask) for draws, value in pairs)
