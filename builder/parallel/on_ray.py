"""A ray cluster: found or started, its workers checked before they play, let go at the end.

joblib's ray backend hands its results over all at once, and a worker that dies leaves it waiting or broken.
So chunks are played in waves, and those that died with their worker come again in a later one.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from builder.config import ParallelConfig
from builder.errors import ConfigError, MissingExtraError, RolloutError
from builder.parallel.clusters import SECONDS, check_facts, facts, given_up, probe_file, unfit
from builder.storage.paths import AnyPath

log = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")

WAVE = 2
"""Chunks per worker and wave, which a worker that dies loses: as many as others have in flight."""
LARGEST_WAVE = 64
"""The same of attempts so short that handing out waves would take longer than playing them."""
SHORT = 1.0
"""Seconds: a wave that took less is followed by one twice as large."""
LIVES = 3
"""How many workers a chunk may take with it before it is given up; dask's own number."""
ANSWER_SECONDS = 120
"""How long a worker may take to start and to import this package."""
STORE_BYTES = 80 * 2**20
"""Ray's store for arrays, of which none travel: about the least that it takes."""
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Environment variables for ray, read when it is imported: it reports to nobody, and of no missing GPU."""
LOST = object()
"""The result of a chunk whose worker has died."""


class Waves:
    """The workers of a ray cluster, for the length of `ray_workers`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._parallel: Any = None

    def run(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Results, wave by wave.

        Raises:
            RolloutError: several workers have died of one task.
        """
        waiting, died, size = deque(enumerate(tasks)), Counter[int](), WAVE
        while waiting:
            wave = [waiting.popleft() for _ in range(min(len(waiting), size * self.count))]
            began = time.monotonic()
            results = self._play(function, [task for _, task in wave])
            size = min(2 * size, LARGEST_WAVE) if time.monotonic() - began < SHORT else WAVE
            again = [entry for entry, result in zip(wave, results, strict=True) if result is LOST]
            yield from (result for result in results if result is not LOST)
            if again:
                died.update(number for number, _ in again)
                self._replace(len(again), max(died.values()))
                waiting.extendleft(reversed(again))

    def _play(self, function: Callable[[Task], Result], wave: Sequence[Task]) -> list[Any]:
        import joblib

        if self._parallel is None:
            self._parallel = joblib.Parallel(
                n_jobs=max(2, self.count),  # joblib would play what is for one worker in this process
                backend=_backend_class()(workers=self.count),
                pre_dispatch="all",
                batch_size=1,
            )
            self._parallel.__enter__()
        results: list[Any] = self._parallel([joblib.delayed(function)(task) for task in wave])
        return results

    def _replace(self, lost: int, deaths: int) -> None:
        """Let the workers go: the next wave gets others, on the machines that are there by then."""
        import ray

        self.close()
        if deaths > LIVES:
            raise given_up()
        log.warning("a worker died; its chunks (%d) are played again", lost)
        self.count = max(1, min(self.count, _processors(ray.cluster_resources())))

    def close(self) -> None:
        """Stop the workers."""
        if self._parallel is not None:
            self._parallel.__exit__(None, None, None)
            self._parallel = None


@contextmanager
def ray_workers(parallel: ParallelConfig, shared: AnyPath | None) -> Iterator[Waves]:
    """The workers of a ray cluster: the one at the address, or one that lives as long as this.

    A program that has connected to ray itself keeps its connection, which is used where no address is given.

    Raises:
        MissingExtraError: ray is not installed.
        RolloutError: no cluster answers, it has no free processor, or a worker has other versions.
        StorageError: a worker does not see the shared folder.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            "parallel=ray needs a package that is not installed: ray", remedy='pip install "il-builder[ray]"'
        ) from error
    with ExitStack() as stack:
        if parallel.address or not ray.is_initialized():
            stack.enter_context(_connected(parallel))
        _check(shared)
        free = _processors(ray.available_resources())
        if not free:
            raise RolloutError(
                "the ray cluster has no free processor",
                got=f"{_processors(ray.cluster_resources())} in all",
                remedy="wait for its other jobs, or add a node",
            )
        waves = Waves(free if parallel.n_jobs < 0 else min(free, parallel.n_jobs))
        stack.callback(waves.close)
        yield waves


def _processors(resources: dict[str, float]) -> int:
    return int(resources.get("CPU", 0))


@contextmanager
def _connected(parallel: ParallelConfig) -> Iterator[None]:
    """A connection to the cluster at the address, or to one of this machine; without ray's own words."""
    import ray

    with ExitStack() as stack:
        options: dict[str, Any] = {"address": parallel.address}
        if parallel.address is None:
            # Its logs and sockets: a path that must be short, as Linux allows 107 characters for a socket's.
            folder = tempfile.mkdtemp(prefix="il-ray-", dir="/tmp")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            options = _local_options(parallel.n_jobs, folder)
        else:
            _check_address(parallel.address)
        stack.callback(ray.shutdown)
        with _said() as said:
            try:
                with _own_sigterm():
                    ray.init(**options, log_to_driver=False, logging_level=logging.CRITICAL)
            except (OSError, ValueError, RuntimeError) as error:
                heard = [f"{type(error).__name__}: {error}", *said()]
                raise _no_cluster(parallel.address, heard) from error
        yield


@contextmanager
def _said() -> Iterator[Callable[[], list[str]]]:
    """Keep from the screen what ray's compiled part has to say for the length of the block; its last line."""
    with tempfile.TemporaryFile() as kept:
        screen = os.dup(2)
        os.dup2(kept.fileno(), 2)

        def last() -> list[str]:
            kept.seek(0)
            return kept.read().decode(errors="replace").splitlines()[-1:]

        try:
            yield last
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def _local_options(n_jobs: int, folder: str) -> dict[str, Any]:
    import joblib

    return {
        "address": "local",
        "num_cpus": joblib.effective_n_jobs(n_jobs),
        "num_gpus": 0,
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
        "_temp_dir": folder,
    }


def _check_address(address: str) -> None:
    """Ray itself would wait for minutes where nobody answers."""
    if "://" in address:
        raise ConfigError(
            f"parallel.address={address} is not the address of a ray cluster",
            expected="host:port, or auto on one of its machines",
            remedy="start the build on a machine of the cluster; ray's client cannot hold its workers",
        )
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, [f"{type(error).__name__}: {error}"]) from error


def _no_cluster(address: str | None, heard: Sequence[str]) -> RolloutError:
    got = " ".join("; ".join(heard).split())
    if address is None:
        return RolloutError("ray does not start on this machine", got=got)
    return RolloutError(
        f"no ray cluster answers at {address}",
        got=got,
        remedy="check parallel.address, that `ray start` runs on this machine as well,"
        " and RAY_AUTH_MODE=token where the cluster asks for a token",
    )


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Ray ends the process on SIGTERM; what this program does on it must stay."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _check(shared: AnyPath | None) -> None:
    """Ask every machine of the cluster for its `facts`."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(facts)
    found = {}
    with probe_file(shared) as probe:
        asked = {
            f"{node['NodeManagerAddress']} {node['NodeID'][:8]}": ask.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(probe)
            for node in ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU")
        }
        for worker, answer in sorted(asked.items()):
            try:
                found[worker] = ray.get(answer, timeout=ANSWER_SECONDS)
            except Exception as error:
                raise unfit(worker, getattr(error, "cause", None) or error) from error
    check_facts(found, shared)


def _backend_class() -> type[Any]:
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util.joblib.ray_backend import RayBackend
    from ray.util.multiprocessing import Pool

    class Backend(RayBackend):  # type: ignore[misc]  # neither has types
        """joblib's ray backend, for one worker as well, which says of a dead worker's task that it is lost.

        Ray's own makes joblib's process pool, for the rest of the program, one of ray's.
        """

        def __init__(self, workers: int = 1, **options: Any) -> None:
            super().__init__(**options)
            self._workers = workers

        def configure(self, n_jobs: int = 1, parallel: Any = None, *_: Any, **__: Any) -> int:
            spread = {"num_cpus": 1, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
            self._pool = Pool(self._workers, ray_remote_args=spread)
            self.parallel = parallel
            return n_jobs

        def effective_n_jobs(self, n_jobs: int) -> int:
            return n_jobs

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, RayError) and not isinstance(out, RayTaskError):
                return [LOST]
            if isinstance(out, BaseException):
                raise out
            return super().retrieve_result_callback(out)

        def abort_everything(self, ensure_ready: bool = True) -> None:
            if ray.is_initialized():
                self.terminate()

    return Backend
