"""joblib's backends: the same work, on threads or processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Self, TypeVar

from builder.config import ParallelConfig
from builder.errors import RolloutError
from builder.rollout.worker import cancel

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers:
    """A pool of workers for the length of a `with` block.

    Args:
        parallel: which backend, and how many workers.
    """

    def __init__(self, parallel: ParallelConfig) -> None:
        import joblib

        self._processes = parallel.backend == "loky"
        self.count: int = joblib.effective_n_jobs(parallel.n_jobs)
        self._parallel = joblib.Parallel(
            n_jobs=parallel.n_jobs,
            backend=parallel.backend,
            return_as="generator_unordered",
            pre_dispatch="2*n_jobs",
            batch_size=1,
            max_nbytes=None,
        )

    def __enter__(self) -> Self:
        cancel(stop=False)
        self._parallel.__enter__()
        if self._processes:
            self._start_deaf()
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

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            cancel()
        self._parallel.__exit__(kind, *rest)

    def run(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Results as they come, in whatever order.

        Raises:
            RolloutError: a worker process died.
        """
        import joblib
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        try:
            yield from self._parallel(joblib.delayed(function)(task) for task in tasks)
        except TerminatedWorkerError as error:
            raise RolloutError(
                "a worker process died, most likely for want of memory",
                remedy="run the same command again with fewer parallel.n_jobs or rollout.lanes;"
                " finished chunks are kept",
            ) from error
