"""The steps of all lanes in the order of play, in arrays that double when they are full."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from builder.episodes.spaces import Array, Leaf

FIRST_ROWS = 4096
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
    """

    def __init__(self, observations: Sequence[Leaf], actions: Sequence[Leaf], choices: int = 0) -> None:
        self.rows = 0
        self.observations = [np.empty((FIRST_ROWS, *leaf.shape), leaf.dtype) for leaf in observations]
        self.actions = [np.empty((FIRST_ROWS, *leaf.shape), leaf.dtype) for leaf in actions]
        self.rewards = np.empty(FIRST_ROWS, np.float64)
        self.attempts = np.empty(FIRST_ROWS, np.int64)
        self.masks = np.empty((FIRST_ROWS, choices), np.bool_)

    def reserve(self, rows: int) -> None:
        """Make room for this many rows beyond those that are played."""
        capacity = len(self.rewards)
        if self.rows + rows <= capacity:
            return
        size = max(2 * capacity, self.rows + rows)
        self.observations = [_grown(array, size) for array in self.observations]
        self.actions = [_grown(array, size) for array in self.actions]
        self.rewards, self.attempts = _grown(self.rewards, size), _grown(self.attempts, size)
        self.masks = _grown(self.masks, size)

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
