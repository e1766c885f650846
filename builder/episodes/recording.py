"""Recorded attempts, as flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import DatasetError

PER_STEP = ("observations", "actions", "rewards", "extras")
"""The fields of a recording that have a row per step; the others have one per attempt."""
EXTRAS = ("extras", "attempt_extras")
"""The fields that hold arrays by name; there may be none."""
PIXELS, FINAL_PIXELS = "pixels", "final_pixels"
"""Pictures of the environment among them: of each step before it, and of each attempt after its last one."""


@dataclass(frozen=True)
class Recording:
    """Attempts [A] and their steps [R], in attempt order and, within an attempt, in step order.

    Attributes:
        attempts: int64 [A], the attempts' indices, increasing.
        seeds: int64 [A], what `env.reset` was given.
        lengths: int64 [A], steps of each attempt; they add up to R. 0: it failed, and nothing of it counts.
        returns: float64 [A], rewards summed in order; NaN of an attempt that failed.
        terminated: bool [A], of the last step.
        truncated: bool [A], of the last step.
        observations: per leaf of the observation space, [R, ...]: what each action was chosen on.
        actions: per leaf of the action space, [R, ...].
        rewards: float64 [R].
        finals: per leaf of the observation space, [A, ...]: the observation after the last step.
        extras: what else was recorded of each step, [R, ...], by the name that `Trajectories.arrays` gives
            it: the column's, and after a dot the leaf's where the column is of a Dict or Tuple space.
        attempt_extras: what else was recorded of each attempt, [A, ...], likewise.
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
    extras: Mapping[str, Array] = field(default_factory=dict)
    attempt_extras: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows, count = len(self.rewards), len(self.attempts)
        for name, array in flat(self).items():
            if len(array) != (rows if _per_step(name) else count):
                raise DatasetError("the arrays of a recording differ in length")
        empty = self.lengths == 0
        wrong = (self.lengths < 0).any() or not np.isnan(self.returns[empty]).all()
        if int(self.lengths.sum()) != rows or wrong:
            raise DatasetError("the lengths of a recording do not add up to its steps", expected=rows)

    @property
    def starts(self) -> Array:
        """int64 [A]: the first row of each attempt."""
        return np.cumsum(self.lengths) - self.lengths

    def select(self, keep: Array) -> Recording:
        """The attempts where `keep` (bool [A]) is true."""
        if keep.all():
            return self
        return _part(self, keep, np.repeat(keep, self.lengths))


def flat(recording: Recording) -> dict[str, Array]:
    """All arrays of a recording by name: `rewards`, `observations.0`, `extras.action_mask`."""
    arrays: dict[str, Array] = {}
    for name in (entry.name for entry in fields(recording)):
        value = getattr(recording, name)
        if isinstance(value, tuple):
            value = {str(index): array for index, array in enumerate(value)}
        if isinstance(value, Mapping):
            arrays |= {f"{name}.{key}": array for key, array in value.items()}
        else:
            arrays[name] = value
    return arrays


def unflat(arrays: Mapping[str, Array]) -> Recording:
    """The recording whose `flat` arrays these are."""
    values: dict[str, Any] = {}
    for name in (entry.name for entry in fields(Recording)):
        prefix = f"{name}."
        below = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
        if name in EXTRAS:
            values[name] = below
        else:
            values[name] = arrays[name] if name in arrays else tuple(below[str(i)] for i in range(len(below)))
    return Recording(**values)


def _per_step(name: str) -> bool:
    return name.partition(".")[0] in PER_STEP


def pieces(recording: Recording, rows: int) -> Iterator[Recording]:
    """The recording in parts of whole attempts, of at most so many steps unless one attempt has more."""
    ends = np.cumsum(recording.lengths)
    first = 0
    while first < len(ends):
        begin = int(ends[first] - recording.lengths[first])
        last = max(first + 1, int(np.searchsorted(ends, begin + rows, side="right")))
        yield _part(recording, slice(first, last), slice(begin, int(ends[last - 1])))
        first = last


def _part(recording: Recording, attempts: Array | slice, steps: Array | slice) -> Recording:
    """The attempts and the steps of two masks, or of two slices: then views, not copies."""
    found = flat(recording)
    return unflat({name: array[steps if _per_step(name) else attempts] for name, array in found.items()})


def joined(parts: Sequence[Recording]) -> Recording:
    """Recordings of neighbouring attempts as one.

    Raises:
        DatasetError: one holds extras that another does not.
    """
    if len(parts) == 1:
        return parts[0]
    arrays = [flat(part) for part in parts]
    for other in arrays[1:]:
        if differing := sorted(arrays[0].keys() ^ other.keys()):
            raise DatasetError(
                "neighbouring recordings do not hold the same arrays", got=", ".join(differing)
            )
    return unflat({name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]})


def episode_returns(rewards: Array, lengths: Array) -> Array:
    """float64 [A]: each attempt's rewards summed one by one, in order (never pairwise); NaN of none."""
    ends = np.cumsum(lengths)
    return np.array(
        [
            np.cumsum(rewards[end - length : end])[-1] if length else np.nan
            for end, length in zip(ends, lengths, strict=True)
        ],
        np.float64,
    )
