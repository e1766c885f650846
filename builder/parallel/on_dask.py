"""The workers of a dask cluster: found or started, checked before they begin, let go at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from builder.errors import WorkersError, missing_extra
from builder.parallel.clusters import SECONDS, check_facts, facts, given_up, out_of_reach, probe_file, unfit
from builder.parallel.joblib_workers import JoblibWorkers, open_joblib
from builder.parallel.processes import deaf_to_interrupts
from builder.parallel.workers import ParallelConfig, Result, Task, Workers
from builder.storage.paths import AnyPath

TALKATIVE = ("distributed", "distributed.client", "distributed.gc")
"""Loggers that dask gives a level of their own."""


class DaskWorkers:
    """Workers of a cluster, which does elsewhere what a worker that dies has begun."""

    def __init__(self, pool: JoblibWorkers, count: int, client: Any, address: str) -> None:
        self._pool, self.count, self._client, self._address = pool, count, client, address

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        from distributed import KilledWorker

        try:
            yield from self._pool.run(function, tasks)
        except KilledWorker as error:
            raise given_up() from error
        except CancelledError as error:  # what is under way when the scheduler does not answer any more
            raise out_of_reach(f"the dask scheduler at {self._address}", str(error)) from error

    def everywhere(self, function: Callable[[Task], object], task: Task) -> None:
        with suppress(OSError):  # who is out of reach keeps nothing for us
            self._client.run(function, task, on_error="ignore")


@contextmanager
def open_dask(parallel: ParallelConfig, shared: AnyPath | None) -> Iterator[Workers]:
    """The workers of the cluster at the address, or of one that lives as long as this.

    Raises:
        MissingExtraError: dask is not installed.
        WorkersError: no scheduler or worker answers, or a worker has other versions.
        StorageError: a worker does not see the shared folder.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise missing_extra("parallel=dask", "dask") from error
    from builder.parallel.futures import FutureBackend, call

    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is raised as an error
    with ExitStack() as stack:
        address = parallel.address or stack.enter_context(_local_cluster(parallel.n_jobs))
        try:
            client = stack.enter_context(Client(address, timeout=SECONDS, set_as_default=False))
            client.wait_for_workers(1, timeout=SECONDS)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise WorkersError(
                f"no dask scheduler with a worker answers at {parallel.address or 'the local cluster'}",
                expected="an answer within seconds",
                got=f"{type(error).__name__}: {error}",
                remedy="check parallel.address, and that `dask scheduler` and `dask worker` run",
            ) from error
        _check(client, shared)
        count = sum(client.ncores().values())
        backend = FutureBackend(count, lambda function: client.submit(call, function, pure=False))
        yield DaskWorkers(stack.enter_context(open_joblib(backend, count)), count, client, address)


def _check(client: Any, shared: AnyPath | None) -> None:
    """Ask every worker for its `facts`."""
    with probe_file(shared) as probe:
        try:
            found = client.run(facts, probe, on_error="return")
        except Exception as error:
            raise unfit("of the cluster", error) from error
    for worker, answer in sorted(found.items()):
        if isinstance(answer, BaseException):
            raise unfit(worker, answer) from answer
    check_facts(found, shared)


@contextmanager
def _local_cluster(n_jobs: int) -> Iterator[str]:
    """The address of worker processes of this machine."""
    import joblib
    from distributed import LocalCluster

    with deaf_to_interrupts():  # its threads and processes inherit it
        cluster = LocalCluster(
            n_workers=joblib.effective_n_jobs(n_jobs),
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else all clusters want port 8787
            silence_logs=logging.CRITICAL,
        )
    with cluster:
        yield cluster.scheduler_address
