"""`enjoy`: play and record one episode; and the task that calls one of the user's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from builder.environments.environment import make, resolve
from builder.environments.pool import EnvironmentPool
from builder.environments.wrappers import Layers
from builder.episodes import global_generators
from builder.episodes.context import Context
from builder.episodes.recording_file import Header, read_recording, write_recording
from builder.errors import BuilderError, RolloutError
from builder.experts.oracle import Actors, Oracle
from builder.experts.policy import Policy
from builder.experts.sources.registered import DEFAULT_ROLLOUT, policy_expert
from builder.rollout.engine import Lockstep
from builder.rollout.handed import Handed, forget
from builder.rollout.summary import ChunkSummary, summarise

EnjoyFunction = Callable[..., bool]


def enjoy(path: str, context: Context, expert: Policy) -> bool:
    """Play and record one episode.

    A build with this function plays whole chunks in lockstep instead; the same seed gives the same bytes.

    Args:
        path: the file to write; it does not exist yet.
        context: which attempt this is, and its seed.
        expert: who plays what.

    Returns:
        Whether the episode's return is one that the expert's bounds accept.

    Raises:
        BuilderError: the expert, the environment or the file failed; never for a low return.
    """
    found = policy_expert(expert.name, expert)
    preprocessing = found.preprocessing()
    spec = resolve(
        expert.name,
        expert.env_kwargs,
        max_episode_steps=None,
        max_steps=None,
        layers=Layers(preprocessing),
    )
    player = found.player(
        DEFAULT_ROLLOUT,
        env_id=expert.name,
        max_episode_steps=spec.max_episode_steps,
        preprocessed=preprocessing is not None,
    )
    environment = make(spec)
    actor = player.actor(environment.observation_space, environment.action_space)
    environment.close()
    pool = EnvironmentPool(spec)
    lockstep = Lockstep(pool, actor, root_seed=context.root_seed, lanes=1)
    with global_generators.taken() if player.alone else nullcontext():
        recording = lockstep.play(range(context.index, context.index + 1))
    pool.close()
    write_recording(recording, Path(path), Header("", context.index, context.index + 1, expert.name))
    return bool(expert.acceptance.accepts(recording.returns)[0])


@dataclass(frozen=True)
class AttemptTask:
    """One attempt for a user's own `enjoy`.

    Attributes:
        enjoy: the function.
        path: where it records.
        context: which attempt it is.
        expert: who plays what: a `Policy`, and how the environment can be observed.
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
    """
    index, failure, began = task.context.index, "", time.perf_counter()
    for left in recorded(task.path):  # by a worker that died
        left.unlink()
    try:
        expert = _playing(task.expert, task.context)
        accepted = bool(task.enjoy(path=str(task.path), context=task.context, expert=expert))
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


_actors: dict[tuple[str, int], Actors] = {}
"""What this process has loaded of experts, by the token of the build and the thread."""


def _playing(handed: Handed, context: Context) -> Policy:
    """The expert, whose `predict` plays an attempt; what it loads is loaded once."""
    policy, seats = handed.value
    key = (handed.token, threading.get_ident())
    actors = _actors.setdefault(key, Actors(seats))
    playing: Policy = policy.answered_by(Oracle(actors, context, attempt=True))
    return playing


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
