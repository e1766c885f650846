"""Convolutions that compute only what has changed since they were last asked.

A screen changes in few places from one decision to the next. What a window gave is kept; while its inputs
are the same numbers, so is what may be said about its rounding. The result may have other bits than if all
had been computed at once: this serves where only a bound on the error matters (`certain.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.experts.network.network import Convolution
from builder.experts.network.rounding import FLOAT32, ErrorGrowth, LayerSize

PIECE = 128
"""So many products are summed by one matrix product in float32. The sums of the pieces are added one by one:
each product goes through 128 roundings, and one for each piece, instead of one for each product."""


class PiecewiseProduct:
    """Rows times a weight, piece by piece, plus a bias; and the positive part of that.

    Args:
        weight: [inputs, outputs].
        bias: [outputs], or None.
        size: of the layer that this is the product of.
    """

    def __init__(self, weight: Array, bias: Array | None, size: LayerSize) -> None:
        self._given, self._size = (weight, bias), size
        self.use(FLOAT32)

    def use(self, dtype: np.dtype[Any]) -> None:
        """Compute in float32 or float64 from now on."""
        weight, bias = self._given
        self.weight, self.dtype = np.ascontiguousarray(weight, dtype), dtype
        self._bias = None if bias is None else bias.astype(dtype)
        length = PIECE if dtype == FLOAT32 else len(weight)
        self._pieces = [slice(first, first + length) for first in range(0, len(weight), length)]
        self.growth = self._size.growth(min(length, len(weight)) + len(self._pieces) + 1, dtype)

    def __call__(self, x: Array) -> Array:
        """[rows, inputs] to [rows, outputs]."""
        x = x.astype(self.dtype, copy=False)
        first, *others = self._pieces
        y: Array = x[:, first] @ self.weight[first]
        part = np.empty_like(y) if others else y
        for piece in others:
            y += np.matmul(x[:, piece], self.weight[piece], out=part)
        if self._bias is not None:
            y += self._bias
        return np.maximum(y, 0, out=y)  # NaN stays NaN


class KeptConvolution:
    """A convolution and ReLU of images that stay much the same; its outputs have their channels last.

    Args:
        layer: the convolution.
        shape: height and width of what it sees.
        channels_first: the images that it sees have their channels first.
        divisor: what they are divided by, in float32 as `encoding.py` does it.
    """

    def __init__(
        self, layer: Convolution, shape: tuple[int, ...], *, channels_first: bool = False, divisor: int = 1
    ) -> None:
        self._channels_first, self._divisor = channels_first, np.float32(divisor)
        self._window, self._stride = layer.weight.shape[2:], layer.stride
        self.shape = tuple((n - k) // layer.stride + 1 for n, k in zip(shape, self._window, strict=True))
        order = (1, 2, 3, 0) if channels_first else (2, 3, 1, 0)
        weight = layer.weight.transpose(order).reshape(-1, len(layer.weight))
        down, along = (-(-k // layer.stride) for k in self._window)
        size = LayerSize.of(weight, layer.bias, self.shape[0] * self.shape[1], shared=down * along)
        self._product = PiecewiseProduct(weight, layer.bias, size)
        self.reserve(0)

    @property
    def growth(self) -> ErrorGrowth:
        """What it makes of errors, in the type that it computes in."""
        return self._product.growth

    def use(self, dtype: np.dtype[Any]) -> None:
        """Compute in float32 or float64 from now on; what is kept is forgotten."""
        self._product.use(dtype)
        self.reserve(len(self._kept))

    def reserve(self, images: int) -> None:
        """Make room for so many images; what is kept is forgotten."""
        self._kept = np.zeros((images, *self.shape, self._product.weight.shape[1]), self._product.dtype)

    def __call__(self, x: Array, changed: Array, first: int) -> tuple[Array, Array]:
        """Outputs, and which of them may be others than last time.

        Args:
            x: [images, height, width, channels] or, with channels first, [images, channels, height, width],
                laid out in this order.
            changed: bool [images, height, width]: where they may not be what they were last time.
            first: the first of these images among all.

        Returns:
            [images, height, width, outputs], to be read until the next call; and bool likewise.
        """
        touched = self._touched(changed)
        y = self._kept[first : first + len(x)]
        seen = self._windows(x)[touched].reshape(-1, len(self._product.weight))
        y[touched] = self._product(seen if self._divisor == 1 else seen.astype(np.float32) / self._divisor)
        return y, touched

    def _touched(self, changed: Array) -> Array:
        """The windows that something changed lies in."""
        for axis, (size, window) in enumerate(zip(self.shape, self._window, strict=True), start=1):
            reach = self._stride * (size - 1) + 1
            before = (slice(None),) * axis
            parts = [changed[(*before, slice(k, k + reach, self._stride))] for k in range(window)]
            changed = np.logical_or.reduce(parts)
        return changed

    def _windows(self, x: Array) -> Array:
        """[images, height, width, ...]: of each window its rows, with all their channels or by channel."""
        high, wide = self._window
        if self._channels_first:
            image, channel, down, right = x.strides
            window: tuple[int, ...] = (x.shape[1], high, wide)
            steps: tuple[int, ...] = (channel, down, right)
        else:  # neighbours with all their channels lie together
            image, down, right, along = x.strides
            window, steps = (high, wide * x.shape[3]), (down, along)
        return np.lib.stride_tricks.as_strided(
            x,
            (len(x), *self.shape, *window),
            (image, down * self._stride, right * self._stride, *steps),
            writeable=False,
        )
