"""Frames made grey and small, with the bytes that OpenCV gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil, floor

import numpy as np

from builder.episodes.spaces import Array

_LUMINANCE = np.array([9798, 19235, 3735], np.float32) / np.float32(1 << 15)
"""Of red, green and blue; OpenCV computes in integers, and so does this: multiples of 2**-15 below 2**8."""


def grey(pictures: Array) -> Array:
    """Luminance: uint8 [..., 3] to uint8 [...]."""
    weighed: Array = pictures.reshape(-1, 3).astype(np.float32) @ _LUMINANCE  # exact: 23 bits at most
    weighed += np.float32(0.5)
    return weighed.astype(np.uint8).reshape(pictures.shape[:-1])


def resize(pictures: Array, height: int, width: int) -> Array:
    """Shrink by averaging areas: uint8 [rows, H, W, channels] to uint8 [rows, height, width, channels]."""
    rows, high, wide, channels = pictures.shape
    if (high, wide) == (height, width):
        return pictures
    if _whole_blocks((high, wide), (height, width)):
        blocks = pictures.reshape(rows, height, high // height, width, wide // width, channels)
        return _block_means(blocks.sum(axis=(2, 4), dtype=np.int32), blocks.shape[2] * blocks.shape[4])
    columns = _averaged(pictures.astype(np.float32), width, axis=2)
    return np.rint(_averaged(columns, height, axis=1)).astype(np.uint8)


class Thumbnails:
    """Pictures of one screen made grey and small: `resize(grey(picture))`, in the same bytes.

    A screen changes in few of its rows; the others are what they were in the last picture.

    Args:
        size: height and width of what is made.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._last = np.empty((0, 0, 3), np.uint8)

    def __call__(self, picture: Array) -> Array:
        """uint8 [H, W, 3], which must stay as it is until the next call, to uint8 [size, size]."""
        high, wide, size = *picture.shape[:2], self._size
        if _whole_blocks((high, wide), (size, size)):
            return resize(grey(picture)[None, ..., None], size, size)[0, ..., 0]
        changed = np.ones(high, bool)
        if picture.shape == self._last.shape:
            changed = _differ(picture.reshape(high, -1), self._last.reshape(high, -1))
        else:
            self._columns, self._small = np.empty((high, size), np.float32), np.empty((size, size), np.uint8)
        self._last = picture
        self._columns[changed] = _averaged(grey(picture[changed]).astype(np.float32), size, axis=1)
        taps = _taps(high, size)
        touched = np.logical_or.reduce([changed[indices] for indices, _ in taps])
        some = [(indices[touched], weights[touched]) for indices, weights in taps]
        self._small[touched] = np.rint(_weighed(self._columns, some, axis=0)).astype(np.uint8)
        return self._small.copy()


def _differ(rows: Array, others: Array) -> Array:
    """Which rows of bytes are not the others; by eight at once where they lie so."""
    if not rows.shape[1] % 8 and rows.flags.c_contiguous and others.flags.c_contiguous:
        rows, others = rows.view(np.uint64), others.view(np.uint64)
    return np.asarray((rows != others).any(axis=1))


def _whole_blocks(size: tuple[int, int], smaller: tuple[int, int]) -> bool:
    """Whether each pixel of the smaller one stands for whole ones, which OpenCV adds as integers."""
    return all(n % m == 0 for n, m in zip(size, smaller, strict=True))


def _block_means(sums: Array, size: int) -> Array:
    means: Array = (sums + 2) // 4 if size == 4 else np.rint(sums.astype(np.float32) * np.float32(1 / size))
    return means.astype(np.uint8)


def _averaged(values: Array, size: int, axis: int) -> Array:
    return _weighed(values, _taps(values.shape[axis], size), axis)


def _weighed(values: Array, taps: Sequence[tuple[Array, Array]], axis: int) -> Array:
    """The sums of each tap's values times its weights, one after another."""
    total: Array | None = None
    for indices, weights in taps:
        shape = [1] * values.ndim
        shape[axis] = len(weights)
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
