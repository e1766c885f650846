"""What a worker does: play one chunk of attempts and write it as one file.

A worker keeps the actor and the environments that it made for the next chunk; nothing is loaded per episode.
"""

from __future__ import annotations

import threading
import time
import zlib
from dataclasses import dataclass

import cloudpickle
import numpy as np
import threadpoolctl

from builder.errors import ExpertError
from builder.experts.actor import Actor, Player
from builder.recording import Header, Recording, save
from builder.rollout.engine import EnvironmentPool, Lockstep
from builder.rollout.environment import EnvironmentSpec, make
from builder.spaces import Array
from builder.storage import AnyPath

_kept = threading.local()
_cancel = threading.Event()


@dataclass(frozen=True)
class Setup:
    """What every chunk of a build has in common; it travels to the workers.

    Attributes:
        identity: the chunk identity; workers keep what they made for it.
        environment: what is played.
        player: the expert's recipe for actors, serialised once (it goes to our own worker processes only).
        policy: the expert's name.
        root_seed: the build's seed.
        lanes: environments that a worker steps in lockstep.
    """

    identity: str
    environment: EnvironmentSpec
    player: bytes
    policy: str
    root_seed: int
    lanes: int

    @staticmethod
    def pack(player: Player) -> bytes:
        """Serialise a player for the workers, lambdas and local classes included.

        Raises:
            ExpertError: it holds something that cannot be serialised, an open file for instance.
        """
        try:
            packed: bytes = cloudpickle.dumps(player)
        except Exception as error:
            raise ExpertError(
                f"the expert cannot be sent to the workers: {error}",
                remedy="give a factory in its place, which each worker calls",
            ) from error
        return packed


@dataclass(frozen=True)
class ChunkTask:
    """Attempts `start` up to `stop` (exclusive), to be written to `path`."""

    setup: Setup
    start: int
    stop: int
    path: AnyPath


@dataclass(frozen=True)
class ChunkSummary:
    """What the controller needs to know of a chunk; the arrays stay in its file.

    Attributes:
        start: first attempt.
        stop: one past the last.
        path: the file.
        returns: float64 [stop - start].
        lengths: int64 [stop - start].
        digests: uint32 [stop - start], a checksum of each attempt's observations, to notice attempts that
            are all alike; empty where nothing is known of them.
        row_bytes: bytes per step in the file.
        seconds: what it took; 0 for a chunk that was there already.
        logs: lines that the attempts added to the build's log.
        accepted: bool [stop - start], what a user's own `enjoy` said; None: the return decides.
    """

    start: int
    stop: int
    path: AnyPath
    returns: Array
    lengths: Array
    digests: Array
    row_bytes: float
    seconds: float = 0.0
    logs: tuple[str, ...] = ()
    accepted: Array | None = None

    def accept(self, returns: tuple[float, float]) -> Array:
        """Bool [stop - start]: which attempts are accepted.

        Args:
            returns: the least and the greatest return of an accepted episode.
        """
        if self.accepted is not None:
            return self.accepted
        return (self.returns >= returns[0]) & (self.returns <= returns[1])


def cancel(stop: bool = True) -> None:
    """Ask the workers of this process to stop at their next step (or allow them to play again)."""
    if stop:
        _cancel.set()
    else:
        _cancel.clear()


def cancelled() -> bool:
    """Whether the workers of this process have been asked to stop."""
    return _cancel.is_set()


def play_chunk(task: ChunkTask) -> ChunkSummary:
    """Play a chunk and write its file.

    Raises:
        BuilderError: see `Lockstep.play`; StorageError where the file cannot be written.
    """
    began = time.perf_counter()
    setup = task.setup
    pool, actor = _resources(setup)
    lockstep = Lockstep(pool, actor, root_seed=setup.root_seed, lanes=setup.lanes, cancelled=cancelled)
    with _single_threaded_blas():
        recording = lockstep.play(range(task.start, task.stop))
    save(recording, task.path, Header(setup.identity, task.start, task.stop, setup.policy))
    return summarise(recording, task.path, seconds=time.perf_counter() - began)


def _single_threaded_blas() -> threadpoolctl.threadpool_limits:
    """Workers are the parallelism: a matrix product of one of them must not take the others' cores."""
    return _controller().limit(limits=1, user_api="blas")


def _controller() -> threadpoolctl.ThreadpoolController:
    if not hasattr(_kept, "controller"):
        _kept.controller = threadpoolctl.ThreadpoolController()
    return _kept.controller


def _resources(setup: Setup) -> tuple[EnvironmentPool, Actor]:
    """This worker's environments and actor for a setup, made once."""
    key = (setup.identity, setup.lanes)
    if getattr(_kept, "key", None) != key:
        pool = EnvironmentPool(setup.environment)
        environment = make(setup.environment)
        player: Player = cloudpickle.loads(setup.player)
        _kept.actor = player.actor(environment.observation_space, environment.action_space)
        _kept.pool, _kept.key = pool, key
        pool.give_back(environment)
    return _kept.pool, _kept.actor


def summarise(recording: Recording, path: AnyPath, *, seconds: float = 0.0) -> ChunkSummary:
    """What the controller needs to know of a recorded file."""
    ends = recording.lengths.cumsum()
    digests = [
        zlib.crc32(recording.observations[0][end - length : end].tobytes())
        for end, length in zip(ends, recording.lengths, strict=True)
    ]
    size = sum(array.nbytes for array in (*recording.observations, *recording.actions, recording.rewards))
    return ChunkSummary(
        start=int(recording.attempts[0]),
        stop=int(recording.attempts[-1]) + 1,
        path=path,
        returns=recording.returns,
        lengths=recording.lengths,
        digests=np.array(digests, np.uint32),
        row_bytes=size / len(recording.rewards),
        seconds=seconds,
    )
