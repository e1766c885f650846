"""The card's figures: what the episodes of a split, or of all, amount to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from builder.card.contents import Endings
from builder.episodes.spaces import Array

BLOCK = 1 << 16


@dataclass(frozen=True)
class Spread:
    """How values are distributed.

    Attributes:
        mean: of the values.
        std: the standard deviation of these values (not an estimate from a sample: divided by N).
        least: the minimum.
        median: half are below.
        greatest: the maximum.
    """

    mean: float
    std: float
    least: float
    median: float
    greatest: float

    @property
    def constant(self) -> bool:
        """Whether all values are the same."""
        return self.least == self.greatest


@dataclass(frozen=True)
class Figures:
    """What episodes amount to.

    Attributes:
        episodes: how many.
        steps: of all of them.
        returns: of the episodes.
        lengths: of the episodes, in steps.
        terminated: how many episodes the environment ended; None: not known.
        truncated: how many a time limit ended; None: not known.
        success: in how many the task was solved, as their last step says; None: nothing says so.
    """

    episodes: int
    steps: int
    returns: Spread
    lengths: Spread
    terminated: int | None
    truncated: int | None
    success: int | None = None


def figures(endings: Sequence[Endings]) -> Figures:
    """The figures of some splits taken together."""
    returns = np.concatenate([ending.returns for ending in endings])
    lengths = np.concatenate([ending.lengths for ending in endings])
    return Figures(
        episodes=len(returns),
        steps=int(lengths.sum()),
        returns=spread(returns),
        lengths=spread(lengths),
        terminated=_count([ending.terminated for ending in endings]),
        truncated=_count([ending.truncated for ending in endings]),
        success=_count([ending.success for ending in endings]),
    )


def _count(flags: Sequence[Array | None]) -> int | None:
    """How many are true; None: nothing says so."""
    known = [flag for flag in flags if flag is not None]
    return sum(int(flag.sum()) for flag in known) if known else None


def spread(values: Array) -> Spread:
    """How values are distributed; sums are exact, so that every machine prints the same digits."""
    if not np.isfinite(values).all():
        with np.errstate(all="ignore"):
            return Spread(*(float(f(values)) for f in (np.mean, np.std, np.min, np.median, np.max)))
    numbers, median = values.astype(np.float64), float(np.median(values))
    mean = math.fsum(_one_by_one(numbers)) / len(numbers)
    variance = math.fsum(_one_by_one(np.square(numbers - mean))) / len(numbers)
    return Spread(mean, math.sqrt(variance), min(_one_by_one(numbers)), median, max(_one_by_one(numbers)))


def _one_by_one(numbers: Array) -> Iterator[float]:
    """The numbers as Python's own, of which many would take much memory at once."""
    blocks = (numbers[first : first + BLOCK].tolist() for first in range(0, len(numbers), BLOCK))
    return itertools.chain.from_iterable(blocks)
