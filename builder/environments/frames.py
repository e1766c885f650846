"""Frames made grey and small, with the bytes that OpenCV gives."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Grey pictures of one size made small, in the bytes of `resize`.

    Args:
        shape: height and width of the pictures.
        size: height and width of what is made.
    """

    def __init__(self, shape: tuple[int, int], size: int) -> None:
        self._shape, self._size = shape, size
        self._columns, self._small = np.empty((shape[0], size), np.float32), np.empty((size, size), np.uint8)

    def __call__(self, picture: Array, changed: Array) -> Array:
        """Make one small.

        Args:
            picture: uint8 [height, width].
            changed: bool [height]: which rows may be others than in the picture before; all in the first.

        Returns:
            uint8 [size, size], the caller's own.
        """
        (high, wide), size = self._shape, self._size
        if _whole_blocks((high, wide), (size, size)):
            return resize(picture[None, ..., None], size, size)[0, ..., 0].copy()
        self._columns[changed] = _averaged(picture[changed].astype(np.float32), size, axis=1)
        taps = _taps(high, size)
        touched = np.flatnonzero(changed[taps.sources].any(axis=0))
        self._small[touched] = np.rint(_weighed(self._columns, taps.of(touched), axis=0)).astype(np.uint8)
        return self._small.copy()


def _whole_blocks(size: tuple[int, int], smaller: tuple[int, int]) -> bool:
    """Whether each pixel of the smaller one stands for whole ones, which OpenCV adds as integers."""
    return all(n % m == 0 for n, m in zip(size, smaller, strict=True))


def _block_means(sums: Array, size: int) -> Array:
    means: Array = (sums + 2) // 4 if size == 4 else np.rint(sums.astype(np.float32) * np.float32(1 / size))
    return means.astype(np.uint8)


@dataclass(frozen=True, eq=False)
class _Taps:
    """What outputs average: int64 and float32 [taps, outputs], the first, second, ... input of each."""

    sources: Array
    weights: Array

    def of(self, outputs: Array) -> _Taps:
        """Those of some outputs."""
        return _Taps(self.sources[:, outputs], self.weights[:, outputs])


def _averaged(values: Array, size: int, axis: int) -> Array:
    return _weighed(values, _taps(values.shape[axis], size), axis)


def _weighed(values: Array, taps: _Taps, axis: int) -> Array:
    """The sums of each tap's values times its weights, one after another."""
    weights = taps.weights.reshape(*taps.weights.shape, *[1] * (values.ndim - axis - 1))
    total: Array = values.take(taps.sources[0], axis=axis) * weights[0]
    for sources, weight in zip(taps.sources[1:], weights[1:], strict=True):
        total += values.take(sources, axis=axis) * weight
    return total


@cache
def _taps(size: int, smaller: int) -> _Taps:
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
    padded = np.array([table + [(0, 0.0)] * (longest - len(table)) for table in tables])
    return _Taps(padded[..., 0].T.astype(np.int64), padded[..., 1].T.astype(np.float32))
