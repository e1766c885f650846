"""Processes of this machine, which stay for the next task: joblib's loky."""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from builder.errors import WorkersError
from builder.parallel.joblib_workers import JoblibWorkers, open_joblib
from builder.parallel.workers import ParallelConfig, Result, Task, Workers
from builder.storage.paths import AnyPath

VOLATILE = {"PYTEST_CURRENT_TEST"}
"""What is another one all the time, and of no account."""
MEETING_SECONDS = 2.0
"""How long a process waits for the others to begin, so that each does its part."""


class Processes:
    """Worker processes, of which one that dies is an error that says so."""

    def __init__(self, pool: JoblibWorkers) -> None:
        self._pool, self.count = pool, pool.count

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        try:
            yield from self._pool.run(function, tasks)
        except BrokenProcessPool as error:
            raise WorkersError(
                "a worker process died, most likely for want of memory",
                remedy="run the same command again with fewer parallel.n_jobs",
            ) from error

    def everywhere(self, function: Callable[[Task], object], task: Task) -> None:
        with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
            calls = [_Call(folder, self.count, function, task)] * self.count
            list(self.run(_call_once_all_are_here, calls))


@dataclass(frozen=True)
class _Call:
    """One of the calls of which each process shall make one: those that have begun leave a file each."""

    folder: str
    count: int
    function: Callable[[Any], object]
    task: Any


def _call_once_all_are_here(call: _Call) -> None:
    """Nobody who waits for the others takes a second call."""
    Path(call.folder, uuid.uuid4().hex).touch()
    deadline = time.monotonic() + MEETING_SECONDS
    while len(list(Path(call.folder).iterdir())) < call.count and time.monotonic() < deadline:
        time.sleep(0.002)
    call.function(call.task)


@contextmanager
def open_processes(parallel: ParallelConfig, _: AnyPath | None) -> Iterator[Workers]:
    """Processes of this machine, started before the first task."""
    begun: dict[str, Any] = {"initializer": _in_environment, "initargs": (_environment(),)}
    with open_joblib("loky", parallel.n_jobs, **begun) as pool:
        with deaf_to_interrupts():
            list(pool.run(_identify, [None]))
        yield Processes(pool)


def _environment() -> str:
    """A digest of what a process that is started now finds in its environment."""
    found = sorted(pair for pair in os.environ.items() if pair[0] not in VOLATILE)
    return hashlib.sha256(repr(found).encode(errors="surrogateescape")).hexdigest()


def _in_environment(_: str) -> None:
    """Nothing: joblib keeps processes for who asks for the same, and starts others where this is another."""


def _identify(_: None) -> int:
    return os.getpid()


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """What is started in the block never sees ctrl-C: this process alone decides what stops.

    It inherits the blocked signal, which here is delivered at the end. The resource tracker of
    multiprocessing unblocks it when it starts (CPython 3.11), so that one goes first.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
