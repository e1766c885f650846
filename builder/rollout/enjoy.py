"""`enjoy`: play and record one episode; and the task that calls one of the user's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from builder.config import RolloutConfig
from builder.environments.pool import EnvironmentPool, turn
from builder.episodes.context import Context
from builder.episodes.recording_file import Header, read_recording, write_recording
from builder.errors import BuilderError, NotStatelessError, RolloutError
from builder.experts.masks import refuse_without_masks
from builder.experts.oracle import Oracle
from builder.experts.policy import Policy
from builder.experts.seats import Actors, Seat
from builder.experts.sources.registered import DEFAULT_ROLLOUT
from builder.rollout.engine import Lockstep
from builder.rollout.handed import Handed, forget
from builder.rollout.outcomes import not_numbers
from builder.rollout.rules import Rules
from builder.rollout.summary import ChunkSummary, summarise

EnjoyFunction = Callable[..., bool]


def enjoy(path: str, context: Context, expert: Policy) -> bool:
    """Play and record one episode.

    A build with this function plays whole chunks in lockstep instead; the same seed gives the same bytes. So
    does calling it in an `enjoy` of one's own, with the path, the context and the expert that it was given.

    Args:
        path: the file to write; it does not exist yet.
        context: which attempt this is, and its seed.
        expert: who plays what; outside of a build, one that stands for itself.

    Returns:
        Whether the episode's return is one that the expert's bounds accept.

    Raises:
        BuilderError: the expert, the environment or the file failed; never for a low return.
    """
    asked: Oracle = expert.oracle()
    rules = replace(Rules.of(asked.rollout), reject=False)  # what it raises is raised by whoever calls it
    refuse_without_masks(asked.name or expert.name, asked.seats[0].environment)
    with asked.taken() as (seat, actor), turn(seat.environment):
        pool = EnvironmentPool(seat.environment)
        try:
            lockstep = Lockstep(pool, actor, root_seed=context.root_seed, lanes=1, rules=rules)
            recording = lockstep.play(range(context.index, context.index + 1))
        finally:
            pool.close()
    header = Header("", context.index, context.index + 1, asked.name or expert.name)
    write_recording(recording, Path(path), header)
    return bool(expert.acceptance.accepts(recording.returns)[0])


@dataclass(frozen=True)
class Given:
    """The expert as the user's `enjoy` gets it. Picklable.

    Attributes:
        policy: called after what it plays.
        seats: how the environment can be observed, and who plays so.
        name: what the dataset calls it.
        rollout: how it plays.
    """

    policy: Policy
    seats: tuple[Seat, ...]
    name: str = ""
    rollout: RolloutConfig = DEFAULT_ROLLOUT


@dataclass(frozen=True)
class AttemptTask:
    """One attempt for a user's own `enjoy`.

    Attributes:
        enjoy: the function.
        path: where it records.
        context: which attempt it is.
        expert: who plays what: a `Given`.
        reject: what it raises makes the attempt a rejected one; else it ends the build.
    """

    enjoy: EnjoyFunction
    path: Path
    context: Context
    expert: Handed
    reject: bool = False


def play_attempt(task: AttemptTask) -> ChunkSummary:
    """Call the user's `enjoy` for one attempt.

    Raises:
        RolloutError: it raised (its exception is chained), or accepted an episode without recording it.
        NotANumberError: it recorded NaN, or an infinity.
    """
    index, failure, began = task.context.index, "", time.perf_counter()
    for left in recorded(task.path):  # by a worker that died
        left.unlink()
    try:
        accepted = _called(task)
    except (Exception, SystemExit) as error:
        what = f"enjoy raised in attempt {index} (seed {task.context.seed}): {type(error).__name__}: {error}"
        if not task.reject:
            raise RolloutError(
                what,
                remedy="return False to reject an episode; raising stops the build, unless"
                " rollout.on_error=reject",
            ) from error
        accepted, failure = False, what
    files = recorded(task.path)
    if accepted and not files:
        raise RolloutError(
            f"enjoy accepted attempt {index} without recording it", expected=f"a file {task.path.name}"
        )
    if accepted and (wrong := _not_numbers(task, files[0])):
        if not task.reject:
            raise wrong
        accepted, failure = False, wrong.finding
    if not accepted:
        for file in files:
            file.unlink()
    summary = attempt_summary(index, files[0] if accepted else task.path, accepted=accepted)
    return replace(
        summary,
        seconds=time.perf_counter() - began,
        logs=tuple(task.context.logs),
        failures=(failure,) if failure else (),
    )


def _not_numbers(task: AttemptTask, path: Path) -> BuilderError | None:
    """Why what was recorded is nothing to learn from; None: it is, or it is no file of ours."""
    try:
        recording = read_recording(path)[0]
    except BuilderError:
        return None
    infinite = Rules.of(task.expert.value.rollout).infinite
    return next(iter(not_numbers(recording, "enjoy recorded", infinite=infinite).values()), None)


def _called(task: AttemptTask) -> bool:
    """What the user's `enjoy` says of the attempt."""
    actors = _actors_of(task.expert)
    try:
        return _called_with(actors, task)
    except NotStatelessError as error:
        actors.be_careful()
        for half in recorded(task.path):
            half.unlink()
        restarted = replace(task, context=Context(task.context.index, task.context.root_seed))
        accepted = _called_with(actors, restarted)
        task.context.logs[:] = [
            f"{error}; from here on each attempt has an object of its own",
            *restarted.context.logs,
        ]
        return accepted


def _called_with(actors: Actors, task: AttemptTask) -> bool:
    oracle = Oracle(actors, task.context, attempt=True)
    expert = task.expert.value.policy.answered_by(oracle)
    accepted = bool(task.enjoy(path=str(task.path), context=task.context, expert=expert))
    actors.end()
    return accepted


_actors: dict[tuple[str, int], Actors] = {}
"""What this process has loaded of experts, by the token of the build and the thread."""


def _actors_of(handed: Handed) -> Actors:
    """Who plays; what is loaded is loaded once."""
    given: Given = handed.value
    key = (handed.token, threading.get_ident())
    return _actors.setdefault(key, Actors(given.seats, given.name, given.rollout))


def release(token: str) -> None:
    """Let go what this process keeps for a build."""
    for key in [key for key in [*_actors] if key[0] == token]:
        _actors.pop(key, None)
    forget(token)


def recorded(path: Path) -> list[Path]:
    """What was written for a path, with or without an ending that the writer added."""
    return sorted(path.parent.glob(f"{path.name}*"))


def attempt_summary(index: int, path: Path, *, accepted: bool) -> ChunkSummary:
    """What is known of an attempt: returns and lengths only where the file is one of ours."""
    try:
        known = summarise(read_recording(path)[0], path) if accepted else None
    except BuilderError:
        known = None
    return ChunkSummary(
        start=index,
        stop=index + 1,
        path=path,
        returns=known.returns if known else np.array([np.nan]),
        lengths=known.lengths if known else np.array([0]),
        digests=known.digests if known else np.empty(0, np.uint32),
        row_bytes=known.row_bytes if known else 0.0,
        accepted=np.array([accepted]),
        failed=np.array([False]),
    )
