"""Frames made grey and small, with the bytes that OpenCV gives."""

from __future__ import annotations

from functools import cache
from math import ceil, floor

import numpy as np

from builder.episodes.spaces import Array

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
