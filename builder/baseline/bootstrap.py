"""Means of a few runs with an interval, as Agarwal et al. 2021 ask for (arXiv:2108.13264).

A percentile bootstrap: the figure of many resamples, of which the middle 95% are the interval. Of one
environment it is that of a mean over runs; only across environments it is the interquartile mean, with
resamples drawn within each environment (stratified).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from builder.episodes.spaces import Array

RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 0


def mean_interval(values: Array) -> tuple[float, float]:
    """The interval of the mean of float64 [values]; the same values have the same one."""
    drawn = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    return _middle(values[drawn].mean(axis=1))


def interquartile_mean(values: Array) -> float:
    """The mean of the middle half of all values.

    A quarter of the values is left out at each end, and of the value at such a border its part: with weights,
    so that it is defined for every count (scipy's `trim_mean` and rliable cut whole values instead).
    """
    ordered = np.sort(np.ravel(values))
    edges = np.arange(len(ordered) + 1) / len(ordered)
    weights = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0.0, None)
    return math.fsum(ordered * weights) / math.fsum(weights)


def stratified_interval(groups: Sequence[Array]) -> tuple[float, float]:
    """The interval of the interquartile mean over groups, each of which is resampled within itself.

    Args:
        groups: of each environment the scores of its runs, float64 [runs].
    """
    draw = np.random.default_rng(SEED)
    found = [
        interquartile_mean(
            np.concatenate([group[draw.integers(0, len(group), len(group))] for group in groups])
        )
        for _ in range(RESAMPLES)
    ]
    return _middle(np.array(found))


def _middle(figures: Array) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(figures, [tail, 1 - tail])
    return float(low), float(high)
