"""Pictures as policies saw them in training: grey, smaller, the brighter of two frames.

Training did this with OpenCV; here it is done with numpy to the same bytes (compared with OpenCV 5.0), so
that the environment's own pictures can be recorded. Sources: OpenCV's `cvtColor(RGB2GRAY)`, which weighs in
15-bit integers, and `resize(INTER_AREA)`, which averages in float32, columns before rows;
`stable_baselines3/common/atari_wrappers.py`; gym's `ResizeObservation` and `GrayScaleObservation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, floor
from typing import Any

import gymnasium as gym
import numpy as np

from builder.errors import SpaceError
from builder.experts.transforms import Observer, Stateless, box_leaf, leaf_index, replace_leaf
from builder.spaces import Array

_RED, _GREEN, _BLUE = 9798, 19235, 3735


def grey(pictures: Array) -> Array:
    """Luminance: uint8 [..., 3] to uint8 [...]."""
    rgb = pictures.astype(np.int32)
    weighed: Array = _RED * rgb[..., 0] + _GREEN * rgb[..., 1] + _BLUE * rgb[..., 2]
    weighed = (weighed + (1 << 14)) >> 15
    return weighed.astype(np.uint8)


def resize(pictures: Array, height: int, width: int) -> Array:
    """Shrink by averaging areas: uint8 [rows, H, W, channels] to uint8 [rows, height, width, channels]."""
    rows, high, wide, channels = pictures.shape
    if (high, wide) == (height, width):
        return pictures
    if high % height == 0 and wide % width == 0:  # OpenCV adds whole blocks up as integers
        blocks = pictures.reshape(rows, height, high // height, width, wide // width, channels)
        return _block_means(blocks.sum(axis=(2, 4), dtype=np.int32), blocks.shape[2] * blocks.shape[4])
    columns = _averaged(pictures.astype(np.float32), width, axis=2)
    return np.rint(_averaged(columns, height, axis=1)).astype(np.uint8)


def _block_means(sums: Array, size: int) -> Array:
    means: Array = (sums + 2) // 4 if size == 4 else np.rint(sums.astype(np.float32) * np.float32(1 / size))
    return means.astype(np.uint8)


def _averaged(values: Array, size: int, axis: int) -> Array:
    total: Array | None = None
    for indices, weights in _taps(values.shape[axis], size):
        shape = [1] * values.ndim
        shape[axis] = size
        term = values.take(indices, axis=axis) * weights.reshape(shape)
        total = term if total is None else total + term
    if total is None:
        raise ValueError("an empty picture")
    return total


@cache
def _taps(size: int, smaller: int) -> tuple[tuple[Array, Array], ...]:
    """For the first, second, ... input that an output averages: its index and float32 weight, by output."""
    scale = size / smaller
    tables = []
    for index in range(smaller):
        first, last = index * scale, min(index * scale + scale, float(size))
        inner = range(min(ceil(first), floor(last)), floor(last))
        table = [(source, 1 / scale) for source in inner]
        if inner.start - first > 1e-3:
            table.insert(0, (inner.start - 1, (inner.start - first) / scale))
        if last - inner.stop > 1e-3:
            table.append((inner.stop, (last - inner.stop) / scale))
        tables.append(table)
    longest = max(map(len, tables))
    padded = [table + [(0, 0.0)] * (longest - len(table)) for table in tables]
    return tuple(
        (
            np.array([table[tap][0] for table in padded]),
            np.array([table[tap][1] for table in padded], np.float32),
        )
        for tap in range(longest)
    )


def _picture_box(space: gym.Space[Any]) -> gym.spaces.Box:
    box = box_leaf(space)
    if box.dtype != np.uint8 or len(box.shape) not in {2, 3}:
        raise SpaceError("the expert saw pictures", expected="uint8 [height, width, channels]", got=str(box))
    return box


@dataclass(frozen=True)
class Grey:
    """`GrayScaleObservation`, and a part of `WarpFrame`.

    Attributes:
        keep_channel: pictures are [height, width, 1], not [height, width].
    """

    keep_channel: bool

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box = _picture_box(space)
        if box.shape[2:] != (3,):
            raise SpaceError("the expert saw colours in grey", expected="three channels", got=str(box.shape))
        shape = (*box.shape[:2], 1) if self.keep_channel else box.shape[:2]
        return replace_leaf(space, gym.spaces.Box(0, 255, shape, np.uint8))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        def change(pictures: Array) -> Array:
            return grey(pictures)[..., None] if self.keep_channel else grey(pictures)

        return Stateless({leaf_index(space): change})


@dataclass(frozen=True)
class Resized:
    """`ResizeObservation`, and a part of `WarpFrame`; grey pictures come out with one channel.

    Attributes:
        height: in pixels.
        width: in pixels.
    """

    height: int
    width: int

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box = _picture_box(space)
        if box.shape[0] < self.height or box.shape[1] < self.width:
            raise SpaceError(
                "the expert saw smaller pictures than the environment's",
                expected=f"at least {self.height} x {self.width}",
                got=str(box.shape),
            )
        shape = (self.height, self.width, *(box.shape[2:] or (1,)))
        return replace_leaf(space, gym.spaces.Box(0, 255, shape, np.uint8))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        def change(pictures: Array) -> Array:
            with_channel = pictures if pictures.ndim == 4 else pictures[..., None]
            return resize(with_channel, self.height, self.width)

        return Stateless({leaf_index(space): change})


@dataclass(frozen=True)
class BrighterOfTwo:
    """A part of `MaxAndSkipEnv`: each pixel is the larger of this step's and the previous step's."""

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        _picture_box(space)
        return space

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        return _Brighter(leaf_index(space))


class _Brighter:
    def __init__(self, index: int) -> None:
        self._index = index
        self._previous: dict[int, Array | None] = {}

    def begin(self, lane: int) -> None:
        self._previous[lane] = None

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        leaf = observations[self._index]
        seen = leaf.copy()
        for row, lane in enumerate(lanes):
            previous = self._previous[lane]
            if previous is not None:
                np.maximum(seen[row], previous, out=seen[row])
            self._previous[lane] = leaf[row].copy()
        return [*observations[: self._index], seen, *observations[self._index + 1 :]]

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        pass
