"""Values in bins, and the round numbers beside them."""

from __future__ import annotations

import math

import numpy as np

from builder.episodes.spaces import Array

MAX_BINS = 40


def bin_edges(values: Array, *, most: int = MAX_BINS, border: float | None = None) -> Array:
    """Edges of equal bins; whole numbers get bins of a whole width around them.

    Args:
        values: finite, not all the same.
        most: so many bins at the most.
        border: one of the edges, where it is among the values, so that no bin has some of either side.
    """
    low, high = float(values.min()), float(values.max())
    wanted = min(most, max(8, math.ceil(2 * len(values) ** (1 / 3))))  # Rice's rule
    if border is not None and low <= border <= high:
        return _edges_from(border, low, high, _width(values, low, high, wanted - 1))
    if not is_whole(values):
        return np.linspace(low, high, wanted + 1)
    width = _width(values, low, high, wanted)
    return np.arange(low - 0.5, high + width + 0.5, width)[: math.ceil((high - low + 1) / width) + 1]


def _width(values: Array, low: float, high: float, bins: int) -> float:
    return math.ceil((high - low + 1) / bins) if is_whole(values) else (high - low) / bins


def _edges_from(border: float, low: float, high: float, width: float) -> Array:
    """Edges as far apart as a width, the border among them, and no value outside."""
    before, after = math.ceil((border - low) / width), math.floor((high - border) / width) + 1
    edges = border + width * np.arange(-before, after + 1)
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)  # where sums are rounded
    return edges


def is_whole(values: Array) -> bool:
    """Whether all values are whole numbers, near enough to each other to be counted as such."""
    return bool((values == np.round(values)).all()) and float(values.max()) - float(values.min()) < 2**50


def counted(values: Array, edges: Array) -> Array:
    """int64 [bins]: how many values lie in each of some equal bins, the last edge belonging to the last."""
    places = (values - edges[0]) * ((len(edges) - 1) / (edges[-1] - edges[0]))
    bins = np.minimum(places.astype(np.int64), len(edges) - 2)
    found: Array = np.bincount(bins, minlength=len(edges) - 1)
    return found


def ticks(low: float, high: float, *, most: int, whole: bool = False) -> tuple[list[float], list[str]]:
    """Round numbers between two others, at most so many, and how they are written.

    Args:
        low: the lowest that may be.
        high: the highest.
        most: how many there may be.
        whole: no fractions.
    """
    step = _step((high - low) / most)
    if whole:
        step = max(1.0, step)
    first = math.ceil(low / step - 1e-9)
    values = [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    extreme = decimals > 6 or max(abs(low), abs(high)) >= 1e9
    return values, [f"{value:.3g}" if extreme else _signed(f"{value:,.{decimals}f}") for value in values]


def _step(least: float) -> float:
    """The next larger one of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _signed(text: str) -> str:
    return text if text.strip("-0.,") else text.removeprefix("-")  # no negative zero


def can_be_drawn(values: Array) -> bool:
    """Whether finite values differ, and no further than floats can tell."""
    if not len(values):
        return False
    with np.errstate(over="ignore"):
        span = float(values.max()) - float(values.min())
    return math.isfinite(span) and span > 1e-300
