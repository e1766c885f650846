"""Running IMPALA's network for pictures. Source: Espeholt et al., https://arxiv.org/abs/1802.01561, figure 3.

Channels come last, as matrix products write them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.experts.network.network import PaddedConvolution, ResidualExtractor

AT_ONCE = 4
"""Pictures that go through together."""
CHANNELS = 1024
"""At most, between two layers; published networks have 64."""
SIDE = 3
"""Of the windows of convolutions and of the largest."""


class Residual:
    """An extractor's weights in one floating-point type.

    Args:
        extractor: the network.
        dtype: of all sums.
        activate: its activation function, which may write over what it gets.
    """

    def __init__(
        self, extractor: ResidualExtractor, dtype: np.dtype[Any], activate: Callable[[Array], Array]
    ) -> None:
        self._dtype, self._activate, self._centred = dtype, activate, extractor.centred
        self._stages = [
            (self._cast(stage.convolution), [tuple(map(self._cast, block)) for block in stage.blocks])
            for stage in extractor.stages
        ]
        weight, channels = extractor.linear.weight, len(extractor.stages[-1].convolution.weight)
        by_position = weight.reshape(len(weight), channels, -1).transpose(2, 1, 0)
        self._weight = np.ascontiguousarray(by_position.reshape(-1, len(weight)), dtype)
        self._bias = None if extractor.linear.bias is None else extractor.linear.bias.astype(dtype)

    def _cast(self, layer: PaddedConvolution) -> tuple[Array, Array]:
        weight = layer.weight.transpose(2, 3, 1, 0).reshape(-1, len(layer.weight))
        return np.ascontiguousarray(weight, self._dtype), layer.bias.astype(self._dtype)

    def __call__(self, x: Array) -> Array:
        """Features [rows, features] of pictures [rows, channels, height, width]."""
        parts = [self._some(x[first : first + AT_ONCE]) for first in range(0, len(x), AT_ONCE)]
        y: Array = np.concatenate(parts) @ self._weight
        if self._bias is not None:
            y += self._bias
        return self._activate(y)

    def _some(self, pictures: Array) -> Array:
        x = pictures.transpose(0, 2, 3, 1).astype(self._dtype)
        for first, blocks in self._stages:
            x = _largest(_convolved(x, *first), centred=self._centred)
            for before, after in blocks:
                inner = _convolved(self._activate(x.copy()), *before)
                x = x + _convolved(self._activate(inner), *after)
        return self._activate(x).reshape(len(x), -1)


def _convolved(x: Array, weight: Array, bias: Array) -> Array:
    """[rows, height, width, inputs] to [rows, height, width, outputs]."""
    rows, height, width, channels = x.shape
    padded = np.zeros((rows, height + 2, width + 2, channels), x.dtype)
    padded[:, 1:-1, 1:-1] = x
    row, down, right, along = padded.strides
    windows = np.lib.stride_tricks.as_strided(  # a window's row is a run: neighbours with all their channels
        padded, (rows, height, width, SIDE, SIDE * channels), (row, down, right, down, along), writeable=False
    )
    y: Array = windows.reshape(rows * height * width, -1) @ weight
    y += bias
    return y.reshape(rows, height, width, -1)


def _largest(x: Array, *, centred: bool) -> Array:
    """The largest of each window, in steps of two: [rows, height, width, channels], half as high and wide."""
    rows, height, width, channels = x.shape
    high, wide = (height + 1) // 2, (width + 1) // 2
    top, left = (1, 1) if centred else (height % 2, width % 2)
    padded = np.full((rows, 2 * high + 1, 2 * wide + 1, channels), -np.inf, x.dtype)
    padded[:, top : top + height, left : left + width] = x
    y = padded[:, : 2 * high : 2, : 2 * wide : 2].copy()
    for down in range(SIDE):
        for right in range(SIDE):
            part = padded[:, down : down + 2 * high : 2, right : right + 2 * wide : 2]
            np.maximum(y, part[:, :high, :wide], out=y)
    return y
