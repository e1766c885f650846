"""The workers of a ray cluster: found or started, checked before they begin, let go at the end."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from builder.errors import ConfigError, WorkersError, missing_extra
from builder.parallel.clusters import LIVES, SECONDS, check_facts, facts, given_up, probe_file, unfit
from builder.parallel.joblib_workers import open_joblib
from builder.parallel.workers import ParallelConfig, Workers
from builder.storage.paths import AnyPath

log = logging.getLogger(__name__)

ANSWER_SECONDS = 120
"""How long a worker may take to start and to import this package."""
STORE_BYTES = 80 * 2**20
"""Ray's store for arrays, of which none travel: about the least that it takes."""
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Environment variables for ray, read when it is imported: it reports to nobody, and of no missing GPU."""


@contextmanager
def open_ray(parallel: ParallelConfig, shared: AnyPath | None) -> Iterator[Workers]:
    """The workers of the cluster at the address, or of one that lives as long as this.

    A program that has connected to ray itself keeps its connection, which is used where no address is given.

    Raises:
        MissingExtraError: ray is not installed.
        WorkersError: no cluster answers, it has no free processor, or a worker has other versions.
        StorageError: a worker does not see the shared folder.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise missing_extra("parallel=ray", "ray") from error
    from builder.parallel.futures import FutureBackend

    with ExitStack() as stack:
        if parallel.address or not ray.is_initialized():
            stack.enter_context(_connected(parallel))
        _check(shared)
        free = _processors(ray.available_resources())
        if not free:
            raise WorkersError(
                "the ray cluster has no free processor",
                got=f"{_processors(ray.cluster_resources())} in all",
                remedy="wait for its other jobs, or add a node",
            )
        count = free if parallel.n_jobs < 0 else min(free, parallel.n_jobs)
        backend = FutureBackend(count, stack.enter_context(_sender()))
        # Where there are more processors than are wanted, only what is not given out keeps them free.
        ahead = count if count < free else None
        yield stack.enter_context(open_joblib(backend, count, ahead=ahead))


def _processors(resources: dict[str, float]) -> int:
    return int(resources.get("CPU", 0))


class _Sent(Future[Any]):
    """A call on its way to whatever worker is free; sent again where a worker dies of it.

    Args:
        remote: ray's remote function, which does the call.
        function: the call.
        aside: where answers are looked at: ray's own thread must not be kept.
    """

    def __init__(self, remote: Any, function: Callable[[], Any], aside: ThreadPoolExecutor) -> None:
        super().__init__()
        self._remote, self._function, self._aside = remote, function, aside
        self._deaths = 0
        self._send()

    def _send(self) -> None:
        self._reference = self._remote.remote(self._function)
        self._reference.future().add_done_callback(self._hand_over)

    def _hand_over(self, answer: Future[Any]) -> None:
        with suppress(RuntimeError):  # nobody looks at answers any more
            self._aside.submit(self._answer, answer)

    def _answer(self, answer: Future[Any]) -> None:
        from ray.exceptions import RayError, RayTaskError

        if self.cancelled():
            return
        error = answer.exception()
        if error is None:
            self.set_result(answer.result())
        elif isinstance(error, RayTaskError) or not isinstance(error, RayError):
            self.set_exception(getattr(error, "cause", None) or error)
        elif self._deaths == LIVES:
            self.set_exception(given_up())
        else:
            self._deaths += 1
            log.warning("a worker died; its task goes to another one")
            self._send()

    def cancel(self) -> bool:
        """Stop the worker that has it, unless it has ended."""
        import ray

        if super().cancel() and ray.is_initialized():
            ray.cancel(self._reference, force=True)
        return self.cancelled()


@contextmanager
def _sender() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """What sends calls to the cluster, one for each free processor, on as many machines as there are."""
    import ray

    from builder.parallel.futures import call

    remote = ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")(call)
    aside = ThreadPoolExecutor(1, thread_name_prefix="il-ray-answers")
    try:
        yield lambda function: _Sent(remote, function, aside)
    finally:
        aside.shutdown(wait=False, cancel_futures=True)


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


def _no_cluster(address: str | None, heard: Sequence[str]) -> WorkersError:
    got = " ".join("; ".join(heard).split())
    if address is None:
        return WorkersError("ray does not start on this machine", got=got)
    return WorkersError(
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
