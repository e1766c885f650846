"""Activation functions in whatever floating-point type their argument has."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from builder.episodes.spaces import Array


def relu(x: Array) -> Array:
    """The greater of each number and 0, in place."""
    np.maximum(x, 0, out=x)
    return x


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _selu(x: Array) -> Array:
    # Constants: Klambauer et al., Self-Normalizing Neural Networks, https://arxiv.org/abs/1706.02515
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    y: Array = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    y *= scale
    return y


def sigmoid(x: Array) -> Array:
    """The logistic function; where `exp` overflows to infinity the result is 0, as it should be."""
    y: Array = 1 / (1 + np.exp(-x))
    return y


def _tanh(x: Array) -> Array:
    """As 1 - 2 / (exp(2 x) + 1) in float64: `exp` is twice as fast as `tanh`, and exact to 4e-16."""
    if x.dtype != np.float64:
        np.tanh(x, out=x)
        return x
    x += x
    np.exp(x, out=x)
    x += 1
    np.divide(-2.0, x, out=x)
    x += 1
    return x


_ERF_FLOAT64 = np.vectorize(math.erf, otypes=[np.float64])


def _erf(x: Array) -> Array:
    """The error function, right to the last digits of the type of `x`."""
    if x.dtype != np.longdouble:
        return np.asarray(_ERF_FLOAT64(x), x.dtype)
    # Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6; no term is negative.
    x = np.clip(x, -9, 9)
    square, term, total, odd = 2 * x * x, x.copy(), np.zeros_like(x), 1
    while ((larger := total + term) != total).any():
        total, odd = larger, odd + 2
        term *= square / odd
    scale = 1 / np.sqrt(np.arctan(np.longdouble(1)))  # 2 / sqrt(pi)
    return np.asarray(scale * np.exp(-x * x) * total)


def _gelu(x: Array) -> Array:
    half = x.dtype.type(0.5)
    return np.asarray(half * x * (1 + _erf(x * np.sqrt(half))))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "Tanh": _tanh,
    "ReLU": relu,
    "ELU": _elu,
    "SELU": _selu,
    "GELU": _gelu,
    "LeakyReLU": lambda x: np.maximum(x, 0.01 * x),
    "Sigmoid": sigmoid,
    "SiLU": lambda x: x * sigmoid(x),
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "Hardtanh": lambda x: np.clip(x, -1, 1),
    "Identity": lambda x: x,
}
"""Activation functions by torch's names, with torch's default parameters; the argument may be overwritten."""
BOUNDED_BY_ONE = frozenset({"Tanh", "Sigmoid", "Softsign", "Hardtanh"})
