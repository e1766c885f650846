"""Recorded attempts, as flat arrays, and the file they are kept in.

The file is a `safetensors` file: no pickle, one JSON header, readable by anyone. It is written under a
temporary name, then put in its place, and carries the sha256 of all that it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import DatasetError

PER_STEP = ("observations", "actions", "rewards")
"""The columns of a recording that have a row per step; the others have one per attempt."""


@dataclass(frozen=True)
class Recording:
    """Attempts [A] and their steps [R], in attempt order and, within an attempt, in step order.

    Attributes:
        attempts: int64 [A], the attempts' indices, increasing.
        seeds: int64 [A], what `env.reset` was given.
        lengths: int64 [A], steps of each attempt; they add up to R.
        returns: float64 [A], rewards summed in order.
        terminated: bool [A], of the last step.
        truncated: bool [A], of the last step.
        observations: per leaf of the observation space, [R, ...]: what each action was chosen on.
        actions: per leaf of the action space, [R, ...].
        rewards: float64 [R].
        finals: per leaf of the observation space, [A, ...]: the observation after the last step.
    """

    attempts: Array
    seeds: Array
    lengths: Array
    returns: Array
    terminated: Array
    truncated: Array
    observations: tuple[Array, ...]
    actions: tuple[Array, ...]
    rewards: Array
    finals: tuple[Array, ...]

    def __post_init__(self) -> None:
        rows, count = len(self.rewards), len(self.attempts)
        per_attempt = (self.seeds, self.lengths, self.returns, self.terminated, self.truncated, *self.finals)
        per_step = (*self.observations, *self.actions)
        if any(len(array) != count for array in per_attempt) or any(len(array) != rows for array in per_step):
            raise DatasetError("the arrays of a recording differ in length")
        if int(self.lengths.sum()) != rows or (count and int(self.lengths.min()) < 1):
            raise DatasetError("the lengths of a recording do not add up to its steps", expected=rows)

    @property
    def starts(self) -> Array:
        """int64 [A]: the first row of each attempt."""
        return np.cumsum(self.lengths) - self.lengths

    def select(self, keep: Array) -> Recording:
        """The attempts where `keep` (bool [A]) is true."""
        if keep.all():
            return self
        rows = np.repeat(keep, self.lengths)
        chosen: dict[str, Any] = {}
        for field in fields(self):
            mask = rows if field.name in PER_STEP else keep
            value = getattr(self, field.name)
            chosen[field.name] = (
                tuple(array[mask] for array in value) if isinstance(value, tuple) else value[mask]
            )
        return Recording(**chosen)


def pieces(recording: Recording, rows: int) -> Iterator[Recording]:
    """The recording in parts of whole attempts, of at most so many steps unless one attempt has more."""
    ends = np.cumsum(recording.lengths)
    first = 0
    while first < len(ends):
        begin = int(ends[first] - recording.lengths[first])
        last = max(first + 1, int(np.searchsorted(ends, begin + rows, side="right")))
        yield _part(recording, slice(first, last), slice(begin, int(ends[last - 1])))
        first = last


def _part(recording: Recording, attempts: slice, steps: slice) -> Recording:
    """Some consecutive attempts; views, not copies."""
    chosen: dict[str, Any] = {}
    for field in fields(recording):
        part = steps if field.name in PER_STEP else attempts
        value = getattr(recording, field.name)
        chosen[field.name] = (
            tuple(array[part] for array in value) if isinstance(value, tuple) else value[part]
        )
    return Recording(**chosen)


def joined(parts: Sequence[Recording]) -> Recording:
    """Recordings of neighbouring attempts as one."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {}
    for field in fields(Recording):
        values = [getattr(part, field.name) for part in parts]
        columns[field.name] = (
            tuple(np.concatenate(leaf) for leaf in zip(*values, strict=True))
            if isinstance(values[0], tuple)
            else np.concatenate(values)
        )
    return Recording(**columns)


def episode_returns(rewards: Array, lengths: Array) -> Array:
    """float64 [A]: each attempt's rewards summed one by one, in order (never pairwise)."""
    ends = np.cumsum(lengths)
    return np.array(
        [np.cumsum(rewards[end - length : end])[-1] for end, length in zip(ends, lengths, strict=True)],
        np.float64,
    )
