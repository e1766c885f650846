"""By how much floating-point numbers err at most in a layer, whatever the order of its sums.

Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, chapter 3. With the unit
roundoff u and gamma(n) = n u / (1 - n u), a dot product of n numbers in any order has
|computed - exact| <= gamma(n) |w|.|x| (3.5); a fused multiply-add only leaves roundings out. What no factor
bounds are numbers below the normal range, which a processor may even take for zero: they are bounded by
their size. Nothing here holds where numbers overflow; what follows from that is infinite or not a number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from builder.episodes.spaces import Array

UNITS = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}
"""The unit roundoff of each type."""
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
TINY = 2.0**-122
"""16 times the least normal number of float32."""
NORM_SLACK = 1 + 1e-6
"""LAPACK's eigenvalues err by far less: by a small multiple of 2**-53 of the largest."""
MOST_NUMBERS = 2**20
"""Longer vectors are not squared and added in float32: their norm would hardly be known."""
REFERENCE_ROUNDINGS = 4
"""What a float64 sum of n products goes through beside n roundings: its bias, and room to spare."""


def gamma(roundings: int, dtype: np.dtype[Any]) -> float:
    """The most that so many roundings in a row change a number by, relative to it."""
    changed = roundings * UNITS[dtype]
    return changed / (1 - changed)


def spectral_norm(matrix: Array) -> float:
    """An upper bound of the most that a matrix stretches a vector; infinite where it holds such numbers."""
    wide = matrix.astype(np.float64)
    if not np.isfinite(wide).all():
        return math.inf
    squared = wide @ wide.T if len(wide) < wide.shape[1] else wide.T @ wide
    return math.sqrt(float(np.linalg.eigvalsh(squared)[-1])) * NORM_SLACK if squared.size else 0.0


def norms(rows: Array) -> Array:
    """Upper bounds of the Euclidean norms of rows [rows, ...]: float64 [rows].

    They are summed in the type that they have, so that gamma of their number is added; and each number whose
    square is below the normal range may be missing.
    """
    flat = rows.reshape(len(rows), -1)
    size = flat.shape[1]
    squares = np.einsum("ij,ij->i", flat, flat).astype(np.float64)
    found: Array = np.sqrt(squares) * (1 + gamma(size + 1, FLOAT32)) + math.sqrt(size) * 2.0**-62
    return found


@dataclass(frozen=True)
class LayerSize:
    """How large a layer y = W x + b is, which is applied at several places of x.

    Attributes:
        stretch: the most that it stretches a vector: the norm of W by the root of `shared`.
        absolute: likewise with the absolute values of W.
        bias: the norm of b at all places.
        largest: the largest absolute value of W.
        inputs: of W.
        outputs: of W, at all places.
    """

    stretch: float
    absolute: float
    bias: float
    largest: float
    inputs: int
    outputs: int

    @staticmethod
    def of(weight: Array, bias: Array | None, places: int = 1, shared: int = 1) -> LayerSize:
        """Of a weight [inputs, outputs].

        Args:
            weight: of one place.
            bias: likewise.
            places: at how many it is applied.
            shared: how many of them an input belongs to at most. The squares of what all places see sum up
                to at most so many times those of x.
        """
        often = math.sqrt(shared)
        add = 0.0 if bias is None else float(np.linalg.norm(bias.astype(np.float64)))
        return LayerSize(
            spectral_norm(weight) * often,
            spectral_norm(np.abs(weight)) * often,
            add * math.sqrt(places) * NORM_SLACK,
            float(np.abs(weight).max(initial=0.0)),
            weight.shape[0],
            weight.shape[1] * places,
        )

    def growth(self, roundings: int, dtype: np.dtype[Any]) -> ErrorGrowth:
        """What it makes of errors.

        Args:
            roundings: the most that a product goes through until it is part of an output.
            dtype: in which that is done.
        """
        relative = gamma(roundings, dtype) + gamma(self.inputs + REFERENCE_ROUNDINGS, FLOAT64)
        if dtype == FLOAT32:
            relative += gamma(1, dtype)  # what comes in may have been float64
        below = TINY * self.inputs * math.sqrt(self.outputs)
        return ErrorGrowth(
            self.stretch, relative * self.absolute + below, relative * self.bias + below * (1 + self.largest)
        )


@dataclass(frozen=True)
class ErrorGrowth:
    """What a layer makes of an error, as it is computed and as float64 computes it in any order.

    Let x' be the inputs as computed, and x'' those that float64 computes. If |x' - x| + |x'' - x| <= e in
    Euclidean norm, where x is exact, then the same sum for the outputs is at most

        stretch e + rounding (|x'| + e) + fixed,

    since the exact layer stretches an error by no more than its norm, and rounding adds at most
    gamma (|W||x'| + |b|) and likewise for x'', of which |x''| <= |x'| + e. An activation that moves no two
    numbers apart (ReLU) leaves it so.

    Attributes:
        stretch: of the exact layer.
        rounding: of both ways, times the absolute values of the layer.
        fixed: of the bias, and of what is below the normal range.
    """

    stretch: float
    rounding: float
    fixed: float

    def after(self, error: Array, size: Array) -> Array:
        """The error of the outputs [rows], from that of the inputs and their norms as computed [rows]."""
        grown: Array = self.stretch * error + self.rounding * (size + error) + self.fixed
        return grown
