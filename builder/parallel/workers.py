"""joblib's backends: the same work, on threads, processes or machines."""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Any, Self, TypeVar

from builder.config import ParallelConfig
from builder.errors import RolloutError
from builder.parallel.cancellation import cancel
from builder.parallel.clusters import given_up
from builder.parallel.on_dask import dask_backend
from builder.parallel.on_ray import Waves, ray_workers
from builder.storage.paths import AnyPath

log = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")

PATIENCE = 3.0
"""Seconds that threads are given to notice that the build has been stopped."""


class _Tracked:
    """Calls a function and knows how many of its calls are under way.

    joblib leaves its threads behind when it is stopped. One that is still inside a compiled library when the
    interpreter ends can abort the process, and one that plays on would write to a folder no longer locked.
    """

    def __init__(self) -> None:
        self._running = 0
        self._changed = threading.Condition()

    def __call__(self, function: Callable[[Task], Result], task: Task) -> Result:
        self._add(1)
        try:
            return function(task)
        finally:
            self._add(-1)

    def _add(self, calls: int) -> None:
        with self._changed:
            self._running += calls
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Whether all calls have ended, within this time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)


class Workers:
    """A pool of workers for the length of a `with` block.

    Args:
        parallel: which backend, and how many workers.
        shared: a folder of this machine that the workers of a cluster must see under the same path.
    """

    def __init__(self, parallel: ParallelConfig, shared: AnyPath | None = None) -> None:
        self._config, self._shared = parallel, shared
        self._cluster = ExitStack()
        self._threads = _Tracked()
        self._waves: Waves | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return self._waves.count if self._waves else self._count

    def _open(self) -> None:
        import joblib

        n_jobs, backend = self._config.n_jobs, self._config.backend
        chosen: Any = backend
        if backend == "ray":
            self._waves = self._cluster.enter_context(ray_workers(self._config, self._shared))
            return
        if backend == "dask":
            chosen = self._cluster.enter_context(dask_backend(self._config, self._shared))
            self._count = chosen.workers
        else:
            self._count = joblib.effective_n_jobs(n_jobs)
        self._parallel = self._cluster.enter_context(
            joblib.Parallel(
                n_jobs=n_jobs,
                backend=chosen,
                return_as="generator_unordered",
                pre_dispatch="2*n_jobs",
                batch_size=1,
                max_nbytes=None,
            )
        )

    def __enter__(self) -> Self:
        cancel(stop=False)
        with ExitStack() as undo:
            undo.callback(self._cluster.close)
            self._open()
            if self._config.backend == "loky":
                self._start_deaf()
            undo.pop_all()
        return self

    def _start_deaf(self) -> None:
        """Start worker processes that never see ctrl-C: the parent alone decides what stops.

        They inherit the blocked signal; here it is delivered once they have started. The resource tracker of
        multiprocessing unblocks it when it starts (CPython 3.11), so that one goes first.
        """
        import joblib

        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            list(self._parallel([joblib.delayed(os.getpid)()]))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            cancel()
        self._cluster.__exit__(kind, error, trace)
        if not self._threads.wait(PATIENCE):
            log.warning("a worker is still at a step that takes long; its attempts are lost")

    def run(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Results as they come, in whatever order.

        Raises:
            RolloutError: a worker process died.
        """
        import joblib
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        if self._waves:
            yield from self._waves.run(function, tasks)
            return
        try:
            call = (
                functools.partial(self._threads, function)
                if self._config.backend == "threading"
                else function
            )
            yield from self._parallel(joblib.delayed(call)(task) for task in tasks)
        except TerminatedWorkerError as error:
            raise RolloutError(
                "a worker process died, most likely for want of memory",
                remedy="run the same command again with fewer parallel.n_jobs or rollout.lanes;"
                " finished chunks are kept",
            ) from error
        except Exception as error:
            if type(error).__name__ != "KilledWorker":  # of distributed, which need not be installed
                raise
            raise given_up() from error
