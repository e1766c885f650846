"""The steps of all lanes in the order of play, in arrays that double when they are full."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from builder.episodes.declared import Declared
from builder.episodes.spaces import Array, Leaf

FIRST_ROWS = 4096
FIRST_DRAWN_ROWS = 256
"""Where a picture comes with each: they are large."""
DROPPED = -1
"""The attempt of a row that does not count."""


class RowLog:
    """One row per step; the rows know their attempt.

    Attributes:
        rows: how many have been played.
        observations: per leaf [capacity, ...]; those of the next tick stand behind the played rows.
        actions: per leaf [capacity, ...].
        rewards: float64 [capacity].
        attempts: int64 [capacity].
        masks: bool [capacity, choices]: which actions were allowed; no choices where nobody asks.
        pixels: uint8 [capacity, height, width, 3]: what was shown; no pixels where nobody looks.
        declared: the arrays of the columns that the build declares, by name.
    """

    def __init__(
        self,
        observations: Sequence[Leaf],
        actions: Sequence[Leaf],
        choices: int = 0,
        pixels: tuple[int, int] | None = None,
        declared: Sequence[Declared] = (),
    ) -> None:
        self.rows = 0
        first = FIRST_ROWS if pixels is None else FIRST_DRAWN_ROWS
        self.observations = [np.empty((first, *leaf.shape), leaf.dtype) for leaf in observations]
        self.actions = [np.empty((first, *leaf.shape), leaf.dtype) for leaf in actions]
        self.rewards = np.empty(first, np.float64)
        self.attempts = np.empty(first, np.int64)
        self.masks = np.empty((first, choices), np.bool_)
        self.pixels = np.empty((first, *(pixels or (0, 0)), 3), np.uint8)
        self.declared: dict[str, Array] = {}
        for column in declared:
            self.declared |= column.blank(first)

    def reserve(self, rows: int) -> None:
        """Make room for this many rows beyond those that are played."""
        capacity = len(self.rewards)
        if self.rows + rows <= capacity:
            return
        size = max(2 * capacity, self.rows + rows)
        self.observations = [_grown(array, size) for array in self.observations]
        self.actions = [_grown(array, size) for array in self.actions]
        self.rewards, self.attempts = _grown(self.rewards, size), _grown(self.attempts, size)
        self.masks, self.pixels = _grown(self.masks, size), _grown(self.pixels, size)
        self.declared = {name: _grown(array, size) for name, array in self.declared.items()}

    def drop(self, attempts: Sequence[int]) -> None:
        """Let the steps of some attempts count no more."""
        played = self.attempts[: self.rows]
        played[np.isin(played, attempts)] = DROPPED

    def order(self) -> Array:
        """int64: the rows that count, by attempt and, within an attempt, as they were played."""
        order = np.argsort(self.attempts[: self.rows], kind="stable")
        dropped = int(np.count_nonzero(self.attempts[: self.rows] == DROPPED))
        return order[dropped:]


def _grown(array: Array, size: int) -> Array:
    larger = np.empty((size, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
