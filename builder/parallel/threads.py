"""Threads of this process."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from builder.parallel.joblib_workers import JoblibWorkers, open_joblib
from builder.parallel.workers import ParallelConfig, Result, Task, Workers
from builder.storage.paths import AnyPath

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that threads are given to notice that they have been asked to stop."""


class Threads:
    """Threads of joblib's, and how many of them are at a task.

    joblib leaves its threads behind when it is stopped. One that is still inside a compiled library when the
    interpreter ends can abort the process, and one that goes on could write where nobody expects it any more.
    """

    def __init__(self, pool: JoblibWorkers) -> None:
        self._pool, self.count = pool, pool.count
        self._running = 0
        self._changed = threading.Condition()

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        yield from self._pool.run(functools.partial(self._call, function), tasks)

    def everywhere(self, function: Callable[[Task], object], task: Task) -> None:
        function(task)

    def _call(self, function: Callable[[Task], Result], task: Task) -> Result:
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


@contextmanager
def open_threads(parallel: ParallelConfig, _: AnyPath | None) -> Iterator[Workers]:
    """Threads of this process: of these Python runs one at a time, unless they are inside compiled code."""
    threads: Threads | None = None
    try:
        with open_joblib("threading", parallel.n_jobs) as pool:
            threads = Threads(pool)
            yield threads
    finally:
        if threads is not None and not threads.wait(PATIENCE):
            log.warning("a worker is still at a step that takes long; what it does is lost")
