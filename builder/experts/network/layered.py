"""Layers one by one, for networks that are no plain row of fully connected ones with one activation between.

What goes in and comes out is in one floating-point type, as everything of `forward.py`. Images are seen one
at a time, so that no sum depends on how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.experts.network.activations import ACTIVATIONS, sigmoid
from builder.experts.network.network import Activation, Filters, ImageLayers, LayerNorm, Linear
from builder.storage.limits import SPACE_NUMBERS

Step = Callable[[Array], Array]
Layer = Linear | Activation | LayerNorm | Filters
PARAMETERS: dict[str, Callable[[Array, float], Array]] = {
    "ELU": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "LeakyReLU": lambda x, slope: np.where(x > 0, x, slope * x),
    "Softplus": lambda x, beta: np.logaddexp(beta * x, 0) / beta,
}
"""Activation functions that have a parameter; torch's names."""


def _gelu_tanh(x: Array) -> Array:
    """Source: Hendrycks and Gimpel, Gaussian Error Linear Units, https://arxiv.org/abs/1606.08415."""
    scale = 1 / np.sqrt(2 * np.arctan(x.dtype.type(1)))  # sqrt(2 / pi)
    inner = scale * (x + x.dtype.type(0.044715) * x * x * x)
    return np.asarray(x * sigmoid(2 * inner))


def activation(layer: Activation) -> Step:
    """An activation function; its argument may be overwritten.

    Raises:
        KeyError: there is none of this name, or none with a parameter.
    """
    if layer.parameter is not None:
        function, parameter = PARAMETERS[layer.name], layer.parameter
        return lambda x: function(x, parameter)
    return _gelu_tanh if layer.name == "GELUTanh" else ACTIVATIONS[layer.name]


def normalisation(layer: LayerNorm, dtype: np.dtype[Any]) -> Step:
    """What a layer norm does to rows [rows, numbers]."""
    weight, bias = (None if part is None else part.astype(dtype) for part in (layer.weight, layer.bias))
    epsilon = dtype.type(layer.epsilon)

    def normalise(x: Array) -> Array:
        x = x - x.mean(axis=1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=1, keepdims=True) + epsilon)
        if weight is not None:
            x *= weight
        return x if bias is None else x + bias

    return normalise


def images(recipe: ImageLayers, dtype: np.dtype[Any]) -> Step:
    """Features [rows, numbers] of images [rows, channels, height, width]."""
    steps = [
        _filtered(layer, dtype) if isinstance(layer, Filters) else activation(layer)
        for layer in recipe.layers
    ]

    def features(image: Array) -> Array:
        x = np.array(image.transpose(1, 2, 0), dtype, order="C")
        for step in steps:
            x = step(x)
        return x.reshape(-1) if recipe.channels_last else x.transpose(2, 0, 1).reshape(-1)

    return lambda x: np.stack([features(image) for image in x])


def _filtered(layer: Filters, dtype: np.dtype[Any]) -> Step:
    """A convolution of one image [height, width, channels]."""
    high, wide = layer.weight.shape[2:]
    weight = np.ascontiguousarray(layer.weight.transpose(2, 3, 1, 0).reshape(-1, len(layer.weight)), dtype)
    bias = None if layer.bias is None else layer.bias.astype(dtype)
    above, below, left, right = layer.padding

    def convolve(x: Array) -> Array:
        if any(layer.padding):
            x = np.pad(x, ((above, below), (left, right), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (high, wide), (0, 1))
        windows = windows[:: layer.stride[0], :: layer.stride[1]].transpose(0, 1, 3, 4, 2)
        y: Array = windows.reshape(windows.shape[0] * windows.shape[1], -1) @ weight
        if bias is not None:
            y += bias
        return y.reshape(*windows.shape[:2], -1)

    return convolve


def shape_after(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what a layer gives for one row; images are [channels, height, width].

    Raises:
        ValueError: it does not take this shape, its parts do not fit each other, or it gives more numbers
            than an observation may have.
    """
    if isinstance(layer, Activation):
        if layer.name not in (PARAMETERS if layer.parameter is not None else {*ACTIVATIONS, "GELUTanh"}):
            raise ValueError(f"no activation function {layer.name!r:.40}")
        return shape
    if isinstance(layer, LayerNorm):
        if len(shape) != 1 or any(part is not None and part.shape != shape for part in parts(layer)):
            raise ValueError(f"a layer norm of {_sizes(layer)} for {shape}")
        return shape
    outputs = len(layer.weight)
    if layer.bias is not None and layer.bias.shape != (outputs,):
        raise ValueError(f"a bias of shape {layer.bias.shape} for {outputs} outputs")
    if isinstance(layer, Linear):
        if len(shape) != 1 or layer.weight.shape != (outputs, *shape) or not outputs:
            raise ValueError(f"a weight of shape {layer.weight.shape} for an input of shape {shape}")
        return (outputs,)
    return _filtered_shape(layer, shape)


def _filtered_shape(layer: Filters, shape: tuple[int, ...]) -> tuple[int, ...]:
    fits = len(shape) == 3 and layer.weight.ndim == 4 and layer.weight.shape[1] == shape[0]
    if not fits or not layer.weight.size:
        raise ValueError(f"a weight of shape {layer.weight.shape} for an image of shape {shape}")
    if min(layer.stride) < 1 or min(layer.padding) < 0 or (len(layer.stride), len(layer.padding)) != (2, 4):
        raise ValueError(f"a stride of {layer.stride} and a padding of {layer.padding}")
    kernel = layer.weight.shape[2:]
    padded = shape[1] + sum(layer.padding[:2]), shape[2] + sum(layer.padding[2:])
    after = tuple((n - k) // step + 1 for n, k, step in zip(padded, kernel, layer.stride, strict=True))
    if min(after) < 1:
        raise ValueError(f"an image of shape {shape} is smaller than its windows of {kernel}")
    numbers = max(len(layer.weight), shape[0] * math.prod(kernel)) * math.prod(after)
    if max(numbers, shape[0] * math.prod(padded)) > SPACE_NUMBERS:
        raise ValueError(f"more than {SPACE_NUMBERS} numbers for an image of shape {shape}")
    return (len(layer.weight), *after)


def parts(layer: LayerNorm) -> tuple[Array | None, Array | None]:
    """What it multiplies by, and what it adds."""
    return layer.weight, layer.bias


def _sizes(layer: LayerNorm) -> str:
    return " and ".join(str(part.shape) for part in parts(layer) if part is not None)
