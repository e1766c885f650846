"""What a worker does: play one chunk of attempts and write it as one file.

A worker keeps the actor and the environments that it made for the next chunk of the same build; nothing is
loaded per episode, and nothing outlives the build.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy as np
import threadpoolctl

from builder.environments.environment import EnvironmentSpec, make
from builder.environments.pool import EnvironmentPool, turn
from builder.episodes import global_generators
from builder.episodes.annotations import Annotation, Annotator
from builder.episodes.recording import Recording, joined
from builder.episodes.recording_file import Header, write_recording
from builder.episodes.spaces import Array
from builder.errors import NotRepeatedError, NotStatelessError
from builder.experts.actor import Actor, Player
from builder.parallel.cancellation import cancelled
from builder.rollout.engine import Interrupted, Lockstep
from builder.rollout.interference import Interference, Interfering
from builder.rollout.lanes import LaneChoice
from builder.rollout.rules import Rules
from builder.rollout.summary import ChunkSummary, summarise, with_figures
from builder.storage.paths import AnyPath


@dataclass(frozen=True)
class Setup:
    """What every chunk of a build has in common; it travels to the workers.

    Attributes:
        identity: the chunk identity.
        environment: what is played.
        player: the expert's recipe for actors, serialised once (it goes to our own worker processes only).
        policy: the expert's name.
        root_seed: the build's seed.
        lanes: environments that a worker steps in lockstep; `auto`: each worker finds out.
        rules: what becomes of what goes wrong.
        annotations: what else is recorded.
        interference: what comes between the expert's actions and those that are done, serialised likewise;
            empty: nothing.
        token: of this build alone: workers keep what they made for it, and for no other.
    """

    identity: str
    environment: EnvironmentSpec
    player: bytes
    policy: str
    root_seed: int
    lanes: int | str
    rules: Rules = field(default_factory=Rules)
    annotations: tuple[Annotation, ...] = ()
    interference: bytes = b""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class ChunkTask:
    """Attempts `start` up to `stop` (exclusive), to be written to `path`."""

    setup: Setup
    start: int
    stop: int
    path: AnyPath


def play_chunk(task: ChunkTask) -> ChunkSummary:
    """Play a chunk and write its file.

    Raises:
        BuilderError: see `Lockstep.play`; StorageError where the file cannot be written.
    """
    began = time.perf_counter()
    setup = task.setup
    recording, failures, logs = _recorded(setup, range(task.start, task.stop))
    summary = summarise(recording, task.path, failures=failures)
    header = Header(setup.identity, task.start, task.stop, setup.policy)
    write_recording(recording, task.path, with_figures(header, summary))
    return replace(summary, seconds=time.perf_counter() - began, logs=logs)


@dataclass(frozen=True)
class Again:
    """Attempts `start` up to `stop` (exclusive) that have been played, and what was seen of them.

    Attributes:
        setup: of the build.
        start: first attempt.
        stop: one past the last.
        returns: float64 [stop - start].
        digests: uint64 [stop - start].
    """

    setup: Setup
    start: int
    stop: int
    returns: Array
    digests: Array


def play_again(task: Again) -> None:
    """Play attempts once more, and keep what was made for it: whether this process gives what another gave.

    An expert or environment can depend on what a program has set; then another process plays something else.

    Raises:
        NotRepeatedError: it gives something else.
        Exception: whatever is raised where the environment or the expert cannot be made in this process.
    """
    recording, failures, _ = _recorded(task.setup, range(task.start, task.stop))
    found = summarise(recording, Path(), failures=failures)
    same = (found.digests == task.digests) & (
        (found.returns == task.returns) | (np.isnan(found.returns) & np.isnan(task.returns))
    )
    if not same.all():
        attempt = task.start + int(np.flatnonzero(~same)[0])
        raise NotRepeatedError(f"attempt {attempt} is another one in a process of its own")


def _recorded(setup: Setup, attempts: range) -> tuple[Recording, tuple[str, ...], tuple[str, ...]]:
    """The recording of some attempts, what went wrong in those that failed, and lines for the log."""
    with turn(setup.environment), _resources(setup) as kept, _single_threaded_blas():
        try:
            return *_play(kept, attempts), ()
        except NotStatelessError as error:
            kept.be_careful()
            line = f"{error}; from here on each attempt has an object of its own"
            return *_play(kept, attempts), (line,)


def _play(kept: _Resources, attempts: range) -> tuple[Recording, tuple[str, ...]]:
    """The recording of some attempts, and what went wrong in those that failed."""
    alone = kept.player.alone
    with global_generators.taken(cancelled) if alone else nullcontext(True) as ours:
        if not ours:
            raise Interrupted
        if alone or kept.setup.environment.single:
            return _played(kept, attempts, 1)
        parts: list[Recording] = []
        failures: list[str] = []
        for part, lanes in kept.lanes.parts(attempts):
            began = time.thread_time()
            recording, failed = _played(kept, part, lanes)
            seconds = time.thread_time() - began
            kept.lanes.measured(part, lanes, steps=len(recording.rewards), seconds=seconds)
            parts.append(recording)
            failures += failed
        return joined(parts), tuple(failures)


def _played(kept: _Resources, attempts: range, lanes: int) -> tuple[Recording, tuple[str, ...]]:
    setup = kept.setup
    lockstep = Lockstep(
        kept.pool,
        kept.actor,
        root_seed=setup.root_seed,
        lanes=lanes,
        rules=setup.rules,
        annotators=kept.annotators,
        interfering=kept.interfering,
        cancelled=cancelled,
    )
    return lockstep.play(attempts), lockstep.failures


def _single_threaded_blas() -> threadpoolctl.threadpool_limits:
    """Workers are the parallelism: a matrix product of one of them must not take the others' cores."""
    return _controller(threading.get_ident()).limit(limits=1, user_api="blas")


@cache
def _controller(thread: int) -> threadpoolctl.ThreadpoolController:  # noqa: ARG001  (one for each)
    return threadpoolctl.ThreadpoolController()


@dataclass
class _Resources:
    """What one thread has made for one build.

    Attributes:
        setup: of the build.
        pool: its environments.
        player: the recipe of its expert.
        spaces: what the expert sees and does.
        actor: its expert.
        annotators: what else is asked of both.
        interfering: what comes between the expert's actions and those that are done.
        lanes: how many it plays in.
        busy: a chunk is being played with it.
        over: the build has ended meanwhile.
    """

    setup: Setup
    pool: EnvironmentPool
    player: Player
    spaces: tuple[gym.Space[Any], gym.Space[Any]]
    actor: Actor
    annotators: tuple[Annotator, ...] = ()
    interfering: Interfering | None = None
    lanes: LaneChoice = field(kw_only=True)
    busy: bool = True
    over: bool = False

    def serves(self, setup: Setup) -> bool:
        """Whether it was made for this very setup."""
        mine = self.setup
        return (mine.token, mine.lanes, mine.player) == (setup.token, setup.lanes, setup.player)

    def be_careful(self) -> None:
        """Ask the expert as one of which nothing is known."""
        self.player = self.player.careful()
        self.actor = self.player.actor(*self.spaces)
        self.annotators = _annotators(self.setup, self.actor, self.spaces)
        self.interfering = _interfering(self.setup, self.actor, self.spaces)


_by_thread: dict[int, _Resources] = {}
"""By thread: an environment is stepped by the thread that made it."""
_lock = threading.Lock()


@contextmanager
def _resources(setup: Setup) -> Iterator[_Resources]:
    """This thread's environments and actor for a build, made once; closed where a chunk of it failed."""
    thread = threading.get_ident()
    with _lock:
        found = _by_thread.get(thread)
        if found is not None and found.serves(setup):
            found.busy = True
        elif found is not None:
            del _by_thread[thread]
    if found is not None and not found.serves(setup):
        found.pool.close()
        found = None
    if found is None:
        found = _made(setup)
        with _lock:
            _by_thread[thread] = found
    whole = False
    try:
        yield found
        whole = True
    finally:
        with _lock:
            found.busy = False
            if ending := found.over or not whole:
                _by_thread.pop(thread, None)
        if ending or setup.environment.single:
            found.pool.close()


def _made(setup: Setup) -> _Resources:
    pool = EnvironmentPool(setup.environment)
    environment = make(setup.environment)
    player: Player = cloudpickle.loads(setup.player)
    spaces = environment.observation_space, environment.action_space
    pool.give_back(environment)
    actor = player.actor(*spaces)
    beside = _annotators(setup, actor, spaces), _interfering(setup, actor, spaces)
    return _Resources(setup, pool, player, spaces, actor, *beside, lanes=LaneChoice(setup.lanes))


def _annotators(
    setup: Setup, actor: Actor, spaces: tuple[gym.Space[Any], gym.Space[Any]]
) -> tuple[Annotator, ...]:
    return tuple(annotation.annotator(actor, spaces) for annotation in setup.annotations)


def _interfering(
    setup: Setup, actor: Actor, spaces: tuple[gym.Space[Any], gym.Space[Any]]
) -> Interfering | None:
    if not setup.interference:
        return None
    recipe: Interference = cloudpickle.loads(setup.interference)
    return recipe.of(actor, spaces)


def release(token: str) -> None:
    """Close what this process keeps for a build; what is still in use is closed once it is not.

    Args:
        token: of the build's setup.
    """
    with _lock:
        mine = {thread: kept for thread, kept in _by_thread.items() if kept.setup.token == token}
        for thread, kept in mine.items():
            kept.over = True
            if not kept.busy:
                del _by_thread[thread]
    for kept in mine.values():
        if not kept.busy:
            kept.pool.close()
