"""What becomes of attempts: how each ended, and the recording of them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from builder.environments.masks import ACTION_MASK
from builder.episodes.declared import Declared
from builder.episodes.recording import FINAL_PIXELS, PIXELS, Recording, episode_returns
from builder.episodes.spaces import Array
from builder.errors import BuilderError, NoActionError, NotANumberError, NotFiniteError, RolloutError
from builder.rollout.log import RowLog

ARTICLES = {"observation": "an", "reward": "a"}


@dataclass
class Outcome:
    """What is known of an attempt once it has ended.

    Attributes:
        seed: of `env.reset`.
        terminated: of its last step.
        truncated: of its last step.
        final: per leaf the observation after its last step.
        shown: the picture after its last step, where pictures are recorded.
        declared: what columns that the build declares hold of it, by their arrays' names.
        failure: what was raised in it, or what it gave that is not a number; empty: nothing.
    """

    seed: int = 0
    terminated: bool = False
    truncated: bool = False
    final: tuple[Any, ...] = field(default_factory=tuple)
    shown: Array | None = None
    declared: Mapping[str, Array] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Place:
    """A step of an attempt."""

    attempt: int
    seed: int
    step: int

    def __str__(self) -> str:
        return f"attempt {self.attempt}, step {self.step} (seed {self.seed})"


def placed(error: BaseException, place: Place, who: str) -> BuilderError:
    """What was raised in an attempt, with its place.

    Args:
        error: what was raised.
        place: where.
        who: the environment or the expert.
    """
    if isinstance(error, BuilderError):
        error.what = f"{error.what} in {place}"
        error.args = (error.what,)
        return error
    found = RolloutError(
        f"{place} failed: {who} raised {type(error).__name__}: {error}",
        remedy="debug=true shows the traceback; rollout.on_error=reject counts such an attempt as rejected",
    )
    found.__cause__ = error
    return found


def rejectable(error: BaseException) -> bool:
    """Whether an attempt in which this was raised may count as rejected: other attempts may go well."""
    return isinstance(error, (NotANumberError, NotFiniteError, NoActionError)) or not isinstance(
        error, BuilderError
    )


def record(
    log: RowLog, outcomes: Mapping[int, Outcome], attempts: range, declared: Sequence[Declared] = ()
) -> Recording:
    """The recording of attempts that have all ended; those that failed have no steps, and NaN for a return.

    Args:
        log: their steps.
        outcomes: by attempt.
        attempts: the range.
        declared: the columns of the table "episodes" that the build declares.
    """
    if failed := [attempt for attempt in attempts if outcomes[attempt].failure]:
        log.drop(failed)
    order = log.order()
    lengths = np.bincount(log.attempts[order] - attempts.start, minlength=len(attempts))
    rewards = log.rewards[order]
    ended = [outcomes[attempt] for attempt in attempts]
    blank = tuple(np.zeros(column.shape[1:], column.dtype) for column in log.observations)
    finals = [outcome.final if not outcome.failure else blank for outcome in ended]
    return Recording(
        attempts=np.arange(attempts.start, attempts.stop, dtype=np.int64),
        seeds=np.array([outcome.seed for outcome in ended], np.int64),
        lengths=lengths.astype(np.int64),
        returns=episode_returns(rewards, lengths),
        terminated=np.array([outcome.terminated and not outcome.failure for outcome in ended], bool),
        truncated=np.array([outcome.truncated and not outcome.failure for outcome in ended], bool),
        observations=tuple(column[order] for column in log.observations),
        actions=tuple(column[order] for column in log.actions),
        rewards=rewards,
        finals=tuple(np.stack(leaf) for leaf in zip(*finals, strict=True)),
        extras={
            **({ACTION_MASK: log.masks[order]} if log.masks.shape[1] else {}),
            **({PIXELS: log.pixels[order]} if log.pixels.size else {}),
            **{name: array[order] for name, array in log.declared.items()},
        },
        attempt_extras={
            **({FINAL_PIXELS: _last_pictures(log, ended)} if log.pixels.size else {}),
            **_of_attempts(declared, ended),
        },
    )


def _of_attempts(declared: Sequence[Declared], ended: Sequence[Outcome]) -> dict[str, Array]:
    """The arrays [attempts, ...] of columns of the table "episodes"; zeros of one that failed."""
    found: dict[str, Array] = {}
    for column in declared:
        found |= column.blank(len(ended))
    for row, outcome in enumerate(ended):
        for name, value in outcome.declared.items() if not outcome.failure else ():
            found[name][row] = value
    return found


def _last_pictures(log: RowLog, ended: Sequence[Outcome]) -> Array:
    """uint8 [attempts, height, width, 3]: what was shown after the last step; black of one that failed."""
    found = np.zeros((len(ended), *log.pixels.shape[1:]), np.uint8)
    for picture, outcome in zip(found, ended, strict=True):
        if outcome.shown is not None and not outcome.failure:
            picture[:] = outcome.shown
    return found


def not_numbers(recording: Recording, who: str, *, infinite: bool) -> dict[int, BuilderError]:
    """By the attempts that hold NaN or an infinity: the error that names the first one of each.

    Args:
        recording: the attempts.
        who: who has said so, and how: "Ant-v4 gave", for instance.
        infinite: infinities may be.
    """
    first: dict[int, tuple[int, str, bool]] = {}
    ends, starts = recording.lengths.cumsum(), recording.starts

    def note(index: int, step: int, what: str, *, nan: bool) -> None:
        if index not in first or step < first[index][0]:
            first[index] = step, what, nan

    for what, columns in (("observation", recording.observations), ("reward", (recording.rewards,))):
        for column in columns:
            for row in _wrong_rows(column, infinite=infinite).tolist():
                index = int(np.searchsorted(ends, row, side="right"))
                note(index, int(row - starts[index]), what, nan=bool(np.isnan(column[row]).any()))
    for column in recording.finals:
        for index in _wrong_rows(column, infinite=infinite).tolist():
            step = int(recording.lengths[index])
            note(index, step, "observation", nan=bool(np.isnan(column[index]).any()))
    found = {}
    for index, (step, what, nan) in sorted(first.items()):
        place = Place(int(recording.attempts[index]), int(recording.seeds[index]), step)
        error = not_a_number(f"{who} {ARTICLES[what]} {what}") if nan else infinite_value(who, what)
        found[place.attempt] = placed(error, place, who)
    return found


def not_a_number(what: str) -> NotANumberError:
    """The error for NaN from an environment."""
    return NotANumberError(
        f"{what} that is not a number",
        remedy="NaN is refused, since nothing could be learned or compared from it;"
        " rollout.on_error=reject counts such an attempt as rejected",
    )


def infinite_value(who: str, what: str) -> NotANumberError:
    """The error for an infinity from an environment."""
    return NotANumberError(
        f"{who} an infinite {what}",
        remedy="rollout.infinite=record records infinities where they mean something (a distance to nothing);"
        " rollout.on_error=reject counts such an attempt as rejected",
    )


def _wrong_rows(column: Array, *, infinite: bool) -> Array:
    """int64: the rows that hold NaN, or what is infinite where that may not be."""
    if column.dtype.kind != "f":
        return np.empty(0, np.int64)
    with np.errstate(invalid="ignore", over="ignore"):  # the sum of infinities, or of large numbers
        total = column.sum()
    if np.isfinite(total) or (infinite and not np.isnan(total)):
        return np.empty(0, np.int64)
    right = ~np.isnan(column) if infinite else np.isfinite(column)
    return np.flatnonzero(~right.reshape(len(column), -1).all(axis=1))
