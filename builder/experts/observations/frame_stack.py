"""Transforms that remember earlier steps of an attempt: histories and stacked observations.

Sources of the rules: `rl_zoo3/wrappers.py` (`HistoryWrapper`), and `stable_baselines3/common/vec_env`,
`stacked_observations.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, leaves
from builder.errors import SpaceError
from builder.experts.network.encoding import is_image_space
from builder.experts.observations.transforms import (
    Observer,
    box_leaf,
    leaf_index,
    replace_leaf,
    stacking_text,
)


@dataclass(frozen=True)
class History:
    """`HistoryWrapper` and `HistoryWrapperObsDict`: past observations, then past actions, oldest first.

    Attributes:
        horizon: how many of each; zeros stand for what was before the episode.
    """

    horizon: int

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box = box_leaf(space, rank=1)
        if not isinstance(action_space, gym.spaces.Box) or len(action_space.shape) != 1:
            raise SpaceError("HistoryWrapper needs continuous actions", got=str(action_space))
        bounds = [
            np.concatenate([np.tile(seen, self.horizon), np.tile(acted, self.horizon)]).astype(box.dtype)
            for seen, acted in ((box.low, action_space.low), (box.high, action_space.high))
        ]
        return replace_leaf(space, gym.spaces.Box(bounds[0], bounds[1], dtype=bounds[0].dtype.type))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        size = self.horizon * (box_leaf(space).shape[0] + (action_space.shape or (0,))[0])
        return _Past(leaf_index(space), size, self.horizon * box_leaf(space).shape[0])


class _Past:
    """One vector per lane: observations up to `border`, actions from there."""

    def __init__(self, index: int, size: int, border: int) -> None:
        self._index = index
        self._size = size
        self._border = border
        self._lanes: dict[int, Array] = {}

    def begin(self, lane: int) -> None:
        self._lanes[lane] = np.zeros(self._size)

    def memory(self, lane: int) -> Array:
        return self._lanes[lane].copy()

    def resume(self, lane: int, memory: Array) -> None:
        self._lanes[lane] = memory.copy()

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        leaf = observations[self._index]
        for row, lane in enumerate(lanes):
            _push(self._lanes[lane][: self._border], leaf[row])
        seen = np.stack([self._lanes[lane] for lane in lanes]).astype(leaf.dtype)
        return [*observations[: self._index], seen, *observations[self._index + 1 :]]

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        for row, lane in enumerate(lanes):
            _push(self._lanes[lane][self._border :], actions[row])

    def told(self, actions: Array, lanes: Sequence[int]) -> None:
        for row, lane in enumerate(lanes):
            newest = actions[row]
            self._lanes[lane][-len(newest) :] = newest


def _push(past: Array, newest: Array) -> None:
    past[: -len(newest)] = past[len(newest) :].copy()
    past[-len(newest) :] = newest


@dataclass(frozen=True)
class FrameStack:
    """`VecFrameStack`: the last observations joined along the channels, oldest first.

    Attributes:
        frames: how many; zeros stand for what was before the episode.
    """

    frames: int

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        stacked = [_stacked(leaf.space, self.frames) for leaf in leaves(space)]
        if not isinstance(space, gym.spaces.Dict):
            return stacked[0]
        return gym.spaces.Dict(list(zip(space.spaces, stacked, strict=True)))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        return _Frames(self.frames, [_channel_axis(leaf.space) for leaf in leaves(space)])


def _stacked(space: gym.Space[Any], frames: int) -> gym.spaces.Box:
    if not isinstance(space, gym.spaces.Box) or not space.shape:
        raise SpaceError("only Box observations can be stacked", got=str(space))
    axis = _channel_axis(space)
    low, high = (np.repeat(bound, frames, axis) for bound in (space.low, space.high))
    return gym.spaces.Box(low, high, dtype=low.dtype.type)


def frames_seen(trained: gym.Space[Any], given: gym.Space[Any]) -> int | None:
    """How many observations of one space, stacked, have the shape of another; None: no number does.

    Args:
        trained: what a policy saw; images may have their channels first.
        given: what an environment gives.
    """
    wanted = {leaf.name: leaf.shape for leaf in leaves(trained)}
    found = {leaf.name: leaf.shape for leaf in leaves(given)}
    if wanted.keys() != found.keys():
        return None
    sizes = {math.prod(wanted[name]) / math.prod(found[name]) for name in wanted}
    frames = int(min(sizes))
    if sizes != {frames} or frames < 2:
        return None
    for leaf in leaves(given):
        if not isinstance(leaf.space, gym.spaces.Box) or not leaf.shape:
            return None
        stacked = _stacked(leaf.space, frames).shape
        if wanted[leaf.name] not in (stacked, (stacked[-1], *stacked[:-1])):
            return None
    return frames


def stacking_hint(trained: gym.Space[Any], given: gym.Space[Any]) -> str:
    """What to say where stacking is all that lies between two spaces; else nothing."""
    frames = frames_seen(trained, given)
    if frames is None:
        return ""
    leaf = leaves(given)[0]
    small = leaf.shape[_channel_axis(leaf.space)]
    return stacking_text(frames * small, small)


def _channel_axis(space: gym.Space[Any]) -> int:
    """Source: `StackedObservations.compute_stacking` and `is_image_space_channels_first` of SB3."""
    return 0 if is_image_space(space) and int(np.argmin(space.shape or ())) == 0 else -1


@dataclass(frozen=True)
class PictureStack:
    """Pictures without a channel, or with one, stacked as the network takes them: [frames, height, width].

    Attributes:
        frames: how many.
        repeated: the first picture of an episode stands for what was before it (gym's `FrameStack`, and
            envpool); otherwise black ones do (`VecFrameStack`).
    """

    frames: int
    repeated: bool = False

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        return replace_leaf(space, gym.spaces.Box(0, 255, self._shape(space), np.uint8))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        return _Pictures(leaf_index(space), self._shape(space), repeated=self.repeated)

    def _shape(self, space: gym.Space[Any]) -> tuple[int, ...]:
        box = box_leaf(space)
        if box.shape[2:] != (1,):
            box = box_leaf(space, rank=2)
        return (self.frames, *box.shape[:2])


class _Pictures:
    """One array of stacks, by lane."""

    def __init__(self, index: int, shape: tuple[int, ...], *, repeated: bool) -> None:
        self._index = index
        self._stacks = np.zeros((1, *shape), np.uint8)
        self._repeated = repeated
        self._begun: set[int] = set()

    def begin(self, lane: int) -> None:
        self.resume(lane, 0)

    def memory(self, lane: int) -> Array | int:
        return 0 if lane in self._begun else np.array(self._stacks[lane])

    def resume(self, lane: int, memory: Array | int) -> None:
        if lane >= len(self._stacks):
            more = np.zeros((max(lane + 1, 2 * len(self._stacks)), *self._stacks.shape[1:]), np.uint8)
            more[: len(self._stacks)] = self._stacks
            self._stacks = more
        self._stacks[lane] = memory
        change = self._begun.add if self._repeated and isinstance(memory, int) else self._begun.discard
        change(lane)

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        leaf = observations[self._index].reshape(-1, *self._stacks.shape[2:])
        for row, lane in enumerate(lanes):
            stack = self._stacks[lane]
            if lane in self._begun:
                stack[:] = leaf[row]
                self._begun.discard(lane)
            stack[:-1] = stack[1:]
            stack[-1] = leaf[row]
        seen = self._stacks[list(lanes)]
        return [*observations[: self._index], seen, *observations[self._index + 1 :]]

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        pass


class _Frames:
    def __init__(self, frames: int, axes: Sequence[int]) -> None:
        self._frames = frames
        self._axes = axes
        self._lanes: dict[int, list[list[Array]]] = {}

    def begin(self, lane: int) -> None:
        self._lanes[lane] = [[] for _ in self._axes]

    def memory(self, lane: int) -> list[list[Array]]:
        return [[*past] for past in self._lanes[lane]]

    def resume(self, lane: int, memory: list[list[Array]]) -> None:
        self._lanes[lane] = [[*past] for past in memory]

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        return [
            np.stack([self._stack(index, leaf[row], lane) for row, lane in enumerate(lanes)])
            for index, leaf in enumerate(observations)
        ]

    def _stack(self, index: int, newest: Array, lane: int) -> Array:
        past = self._lanes[lane][index]
        if not past:
            past.extend([np.zeros_like(newest)] * self._frames)
        past.append(newest.copy())
        del past[0]
        return np.concatenate(past, axis=self._axes[index])

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        pass
