"""What a worker does: play one chunk of attempts and write it as one file.

A worker keeps the actor and the environments that it made for the next chunk; nothing is loaded per episode.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import cloudpickle
import threadpoolctl

from builder.environments.environment import EnvironmentSpec, make
from builder.environments.pool import EnvironmentPool
from builder.episodes.recording_file import Header, save
from builder.errors import ExpertError
from builder.experts.actor import Actor, Player
from builder.parallel.cancellation import cancelled
from builder.rollout.engine import Lockstep
from builder.rollout.summary import ChunkSummary, summarise
from builder.storage.paths import AnyPath

_kept = threading.local()


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
