"""A dask cluster: found or started, its workers checked before they play, let go at the end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

from builder.config import ParallelConfig
from builder.errors import MissingExtraError, RolloutError
from builder.parallel.clusters import SECONDS, check_facts, facts, probe_file, unfit
from builder.storage.paths import AnyPath


@contextmanager
def dask_backend(parallel: ParallelConfig, shared: AnyPath | None) -> Iterator[Any]:
    """Joblib's backend on a dask cluster: the one at the address, or one that lives as long as this.

    Raises:
        MissingExtraError: dask is not installed.
        RolloutError: no scheduler or worker answers, or a worker has other versions.
        StorageError: a worker does not see the shared folder.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            "parallel=dask needs a package that is not installed: distributed",
            remedy='pip install "il-builder[dask]"',
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is raised as an error
    with ExitStack() as stack:
        address = parallel.address or stack.enter_context(_local_dask(parallel.n_jobs))
        try:
            client = stack.enter_context(Client(address, timeout=SECONDS, set_as_default=False))
            client.wait_for_workers(1, timeout=SECONDS)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise RolloutError(
                f"no dask scheduler with a worker answers at {parallel.address or 'the local cluster'}",
                expected="an answer within seconds",
                got=f"{type(error).__name__}: {error}",
                remedy="check parallel.address, and that `dask scheduler` and `dask worker` run",
            ) from error
        _check_dask(client, shared)
        yield _dask_class()(client=client)


def _check_dask(client: Any, shared: AnyPath | None) -> None:
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
def _local_dask(n_jobs: int) -> Iterator[str]:
    """Worker processes of this machine, deaf to ctrl-C: this process alone decides what stops."""
    import joblib
    from distributed import LocalCluster

    resource_tracker.ensure_running()  # it unblocks the signal when it starts (CPython 3.11): it goes first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # its threads and processes inherit it
    try:
        cluster = LocalCluster(
            n_workers=joblib.effective_n_jobs(n_jobs),
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with cluster:
        yield cluster.scheduler_address


class _Calls:
    """What a worker does with a task.

    joblib's own opens a client of the cluster in every worker, for calls that start others; ours do not, and
    such a client can have the last word when the worker ends.
    """

    def __call__(self, tasks: Sequence[tuple[Any, Any, Any]]) -> list[Any]:
        return [function(*arguments, **options) for function, arguments, options in tasks]

    def __repr__(self) -> str:
        return "chunk"


def _dask_class() -> type[Any]:
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]  # joblib has no types
        """joblib's own, for one worker as well; a task that dask has given up does not wait for ever."""

        @property
        def workers(self) -> int:
            return int(super().effective_n_jobs(-1))

        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, self.workers)  # joblib would play what is for one worker in this process

        async def _to_func_args(self, func: Any) -> tuple[_Calls, list[tuple[Any, Any, Any]]]:
            return _Calls(), list(func.items)

        async def _collect(self) -> None:
            import asyncio

            while self._continue:
                async for future, result in self.waiting_futures:
                    waiting, callback = self._results.pop(future), self._callbacks.pop(future)
                    answer = result[1] if future.status == "error" else result
                    if isinstance(answer, BaseException):
                        waiting.set_exception(answer)
                    else:
                        waiting.set_result(answer)
                    callback(answer)
                await asyncio.sleep(0.01)

    return Backend
