"""Running a network in one floating-point type.

float64 for speed, `np.longdouble` row by row where float64 cannot decide (`deciding.py`), float32 where the
user asked for it. numpy multiplies `longdouble` matrices by plain loops, so their order is fixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.experts.network.activations import ACTIVATIONS, relu, sigmoid
from builder.experts.network.layered import Step, activation, images, normalisation
from builder.experts.network.network import (
    Activation,
    ContinuousHead,
    Convolution,
    GruLayer,
    ImageExtractor,
    ImageLayers,
    LayerNorm,
    Linear,
    LstmLayer,
    Network,
    ResidualExtractor,
)
from builder.experts.network.residual import Residual


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a network computes for some rows.

    Attributes:
        latent: [rows, latent], what goes into the output layer.
        values: [rows, outputs].
        state: of the LSTM after this step, [rows, 2 * layers, hidden]; None without one.
    """

    latent: Array
    values: Array
    state: Array | None


class Forward:
    """A network's weights in one floating-point type."""

    def __init__(self, network: Network, dtype: type[np.floating[Any]]) -> None:
        self.dtype = np.dtype(dtype)
        self._network = network
        self._hidden = [self._step(layer) for layer in network.hidden]
        self._output = self._cast(network.output)
        self._extractors = [
            None if extractor is None else _seen(extractor, self.dtype) for extractor in network.extractors
        ]
        self._plain = len(network.encoders) == 1 and self._extractors[0] is None
        self._lstm = [
            _Gru(layer, self.dtype) if isinstance(layer, GruLayer) else _Lstm(layer, self.dtype)
            for layer in network.lstm
        ]
        head = network.head
        self._log_std_layer = None
        if isinstance(head, ContinuousHead) and head.log_std_layer is not None:
            self._log_std_layer = self._cast(head.log_std_layer)

    def _cast(self, layer: Linear) -> tuple[Array, Array | None]:
        return _cast(layer, self.dtype)

    def _step(self, layer: Linear | Activation | LayerNorm) -> Step:
        if isinstance(layer, Activation):
            return activation(layer)
        if isinstance(layer, LayerNorm):
            return normalisation(layer, self.dtype)
        weight, bias = self._cast(layer)
        activate = ACTIVATIONS[self._network.activation]

        def connect(x: Array) -> Array:
            x = x @ weight
            if bias is not None:
                x += bias
            return activate(x)

        return connect

    def __call__(self, inputs: Sequence[Array], state: Array | None = None) -> Outputs:
        """Run the network.

        Args:
            inputs: for each encoder its features, float32 [rows, ...].
            state: of the LSTM before this step, [rows, 2 * layers, hidden].
        """
        x = self._features(inputs)
        if state is not None:
            x, state = self._recur(x, state)
        for step in self._hidden:
            x = step(x)
        weight, bias = self._output
        values = x @ weight
        if bias is not None:
            values += bias
        return Outputs(x, values, state)

    def log_std(self, latent: Array) -> Array:
        """The log of the standard deviation where a layer computes it (SAC, TQC): [rows, actions]."""
        if self._log_std_layer is None:
            raise ValueError("the network has no such layer")
        weight, bias = self._log_std_layer
        values = latent @ weight
        return values if bias is None else values + bias

    def _features(self, inputs: Sequence[Array]) -> Array:
        if self._plain:
            only = inputs[0]
            return only.reshape(len(only), -1).astype(self.dtype)
        parts = []
        for values, extractor in zip(inputs, self._extractors, strict=True):
            if extractor is None:
                parts.append(values.reshape(len(values), -1).astype(self.dtype))
            else:
                parts.append(extractor(values))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _recur(self, x: Array, state: Array) -> tuple[Array, Array]:
        after = np.empty(state.shape, self.dtype)
        for index, layer in enumerate(self._lstm):
            hidden, cell = layer(
                x, state[:, 2 * index].astype(self.dtype), state[:, 2 * index + 1].astype(self.dtype)
            )
            after[:, 2 * index], after[:, 2 * index + 1] = hidden, cell
            x = hidden
        return x, after


def _cast(layer: Linear, dtype: np.dtype[Any]) -> tuple[Array, Array | None]:
    """Weight [inputs, outputs] and bias, laid out as a product of few rows reads them fastest."""
    bias = None if layer.bias is None else layer.bias.astype(dtype)
    return np.ascontiguousarray(layer.weight.astype(dtype).T), bias


def _seen(extractor: ImageExtractor | ImageLayers | ResidualExtractor, dtype: np.dtype[Any]) -> Step:
    if isinstance(extractor, ResidualExtractor):
        return Residual(extractor, dtype, ACTIVATIONS[extractor.activation])
    return images(extractor, dtype) if isinstance(extractor, ImageLayers) else _Images(extractor, dtype)


class _Lstm:
    """Source of the equations: torch's documentation of `torch.nn.LSTM`."""

    def __init__(self, layer: LstmLayer, dtype: np.dtype[Any]) -> None:
        self._inputs = _cast(layer.inputs, dtype)
        self._recurrent = _cast(layer.recurrent, dtype)
        self._size = layer.hidden_size

    def __call__(self, x: Array, hidden: Array, cell: Array) -> tuple[Array, Array]:
        gates = x @ self._inputs[0] + hidden @ self._recurrent[0]
        for bias in (self._inputs[1], self._recurrent[1]):
            if bias is not None:
                gates += bias
        n = self._size
        take, forget, exposed = (sigmoid(gates[:, k * n : (k + 1) * n]) for k in (0, 1, 3))
        cell = forget * cell + take * np.tanh(gates[:, 2 * n : 3 * n])
        return exposed * np.tanh(cell), cell


class _Gru:
    """Source of the equations: torch's documentation of `torch.nn.GRU`. A cell that is given stays."""

    def __init__(self, layer: GruLayer, dtype: np.dtype[Any]) -> None:
        self._inputs = _cast(layer.inputs, dtype)
        self._recurrent = _cast(layer.recurrent, dtype)
        self._size = layer.hidden_size

    def __call__(self, x: Array, hidden: Array, cell: Array) -> tuple[Array, Array]:
        given, kept = (
            values @ weight if bias is None else values @ weight + bias
            for values, (weight, bias) in ((x, self._inputs), (hidden, self._recurrent))
        )
        n = self._size
        reset, update = (
            sigmoid(given[:, k * n : (k + 1) * n] + kept[:, k * n : (k + 1) * n]) for k in (0, 1)
        )
        new = np.tanh(given[:, 2 * n :] + reset * kept[:, 2 * n :])
        return (1 - update) * new + update * hidden, cell


IMAGES_AT_ONCE = 4
"""Images that go through the convolutions together: their windows fit into the CPU's cache."""


class _Images:
    """`NatureCNN` with the channels last, as matrix products write them; windows are copied in runs.

    What it computes with is kept from call to call: memory of this size is dear to get and to give back.
    """

    def __init__(self, extractor: ImageExtractor, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._convolutions = [
            (layer, _columns(layer.weight.transpose(2, 3, 1, 0), dtype), layer.bias.astype(dtype))
            for layer in extractor.convolutions
        ]
        weight, channels = extractor.linear.weight, len(extractor.convolutions[-1].weight)
        by_position = weight.reshape(len(weight), channels, -1).transpose(2, 1, 0)
        self._weight = _columns(by_position, dtype)
        self._bias = _cast(extractor.linear, dtype)[1]
        self._kept: dict[str, Array] = {}

    def __call__(self, x: Array) -> Array:
        """Features [rows, features] of images [rows, channels, height, width]."""
        latent = np.empty((len(x), len(self._weight)), self._dtype)
        for first in range(0, len(x), IMAGES_AT_ONCE):
            some = slice(first, first + IMAGES_AT_ONCE)
            latent[some] = self._convolved(x[some])
        y: Array = latent @ self._weight
        if self._bias is not None:
            y += self._bias
        return relu(y)

    def _convolved(self, images: Array) -> Array:
        x = self._room("images", tuple(images.shape[axis] for axis in (0, 2, 3, 1)))
        x[...] = images.transpose(0, 2, 3, 1)
        for index, (layer, weight, bias) in enumerate(self._convolutions):
            windows = _windows(x, layer)
            rows, height, width = windows.shape[:3]
            patches = self._room(f"patches {index}", windows.shape)
            patches[...] = windows
            y = self._room(f"outputs {index}", (rows * height * width, len(bias)))
            np.matmul(patches.reshape(len(y), -1), weight, out=y)
            y += bias
            x = relu(y).reshape(rows, height, width, -1)
        return x.reshape(len(x), -1)

    def _room(self, name: str, shape: tuple[int, ...]) -> Array:
        size = math.prod(shape)
        if name not in self._kept or self._kept[name].size < size:
            self._kept[name] = np.empty(size, self._dtype)
        return self._kept[name][:size].reshape(shape)


def _columns(weight: Array, dtype: np.dtype[Any]) -> Array:
    """Weights [..., outputs] as a matrix [inputs, outputs]."""
    return np.ascontiguousarray(weight.reshape(-1, weight.shape[-1]), dtype)


def _windows(x: Array, layer: Convolution) -> Array:
    """Every window of images [rows, height, width, channels]: [rows, height, width, window height, run].

    A run is a window's row: neighbouring pixels with all their channels, which lie together.
    """
    high, wide = layer.weight.shape[2:]
    rows, height, width, channels = x.shape
    steps = (height - high) // layer.stride + 1, (width - wide) // layer.stride + 1
    row, down, right, along = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (rows, *steps, high, wide * channels),
        (row, down * layer.stride, right * layer.stride, down, along),
        writeable=False,
    )
