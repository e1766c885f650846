"""Workers that are chosen on the way: one thread, and processes once much is seen to remain."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from builder.parallel.choice import Choice, Facts, Terms, alone, choose
from builder.parallel.machine import Machine, own_bytes, this_machine
from builder.parallel.processes import open_processes
from builder.parallel.threads import open_threads
from builder.parallel.workers import ParallelConfig, Result, Task, Workers
from builder.storage.paths import AnyPath

log = logging.getLogger(__name__)

WORKER_BYTES = 64 * 10**6
"""What a process comes to take beyond what this one takes when it is asked, which has just begun itself."""


@dataclass(frozen=True)
class Trial:
    """What a process must be able to do before any work is left to it.

    Attributes:
        function: it raises where a process cannot do the work: what it needs is not there, or cannot travel.
        task: its argument.
        seconds: what it takes.
        more_bytes: what a process takes in memory beyond what this one takes now.
    """

    function: Callable[[Any], object]
    task: Any
    seconds: float = 0.0
    more_bytes: float = 0.0


class Auto:
    """One thread of this process, until `decide` has found more to be worth it.

    Args:
        threads: the workers to begin with.
        stack: what closes all workers.
        n_jobs: the most workers; -1: one for each core.
        terms: when processes are worth it.
        machine: says what this process may use.

    Attributes:
        level: at which the log has it where one thread stays; processes are always worth a line.
    """

    def __init__(
        self, threads: Workers, stack: ExitStack, *, n_jobs: int, terms: Terms, machine: Callable[[], Machine]
    ) -> None:
        self._threads = self._now = threads
        self._stack, self._n_jobs, self.terms, self._machine = stack, n_jobs, terms, machine
        self.undecided, self.level, self._unsaid = True, logging.INFO, ""
        if multiprocessing.current_process().daemon:
            self._choose(Choice("threading", 1, "a daemonic process can start none"))
        elif (bound := alone(machine(), n_jobs)) is not None:
            self._choose(bound)

    @property
    def count(self) -> int:
        """How many there are now."""
        return self._now.count

    @property
    def here(self) -> bool:
        """Whether this process does the work itself."""
        return self._now is self._threads

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        self._say()
        yield from self._now.run(function, tasks)

    def everywhere(self, function: Callable[[Task], object], task: Task) -> None:
        self._now.everywhere(function, task)

    def keep(self, reason: str) -> None:
        """Stay with one thread, whatever remains.

        Args:
            reason: why, for the log.
        """
        self._choose(Choice("threading", 1, reason))
        self._say()

    def decide(self, seconds: float, trial: Trial) -> None:
        """Go on with processes where that is worth it, once and for all.

        Args:
            seconds: what remains for one worker.
            trial: what a process must be able to do.
        """
        worker_bytes = own_bytes() + WORKER_BYTES + trial.more_bytes
        facts = Facts(seconds, self._machine(), worker_bytes, self._n_jobs, trial.seconds)
        choice = choose(facts, self.terms)
        if choice.backend == "loky":
            choice = self._switched(choice, trial)
        self._choose(choice)
        self._say()

    def _switched(self, choice: Choice, trial: Trial) -> Choice:
        """Start processes and try them; what they cannot do, this one goes on with."""
        with ExitStack() as started:
            try:
                processes = started.enter_context(open_processes(ParallelConfig("loky", choice.count), None))
                list(processes.run(trial.function, [trial.task] * choice.count))
            except Exception as error:  # noqa: BLE001  (whatever it is: the work can be done here)
                why = f"{type(error).__name__}: {error}".splitlines()[0]
                return Choice("threading", 1, f"processes cannot do it ({why[:200]})")
            self._now = processes
            self._stack.enter_context(started.pop_all())
        return choice

    def _choose(self, choice: Choice) -> None:
        self.undecided, self._unsaid = False, str(choice)

    def _say(self) -> None:
        """Log what was chosen, once; what was chosen at the beginning when there is something to do."""
        if self._unsaid:
            log.log(self.level if self.here else logging.INFO, "%s", self._unsaid)
            self._unsaid = ""


def undecided(workers: Workers) -> Auto | None:
    """The workers, where they are still to be chosen."""
    return workers if isinstance(workers, Auto) and workers.undecided else None


def told_aside(workers: Workers) -> None:
    """One thread is not worth a line: the workers play what is a part of something else."""
    if isinstance(workers, Auto):
        workers.level = logging.DEBUG


def run_measured(
    workers: Workers, function: Callable[[Task], Result], tasks: Sequence[Task], trial: Trial | None = None
) -> Iterator[Result]:
    """Results of tasks of about equal size: where workers are still to be chosen, by the pace of the first.

    Args:
        workers: of any kind.
        function: what is called, once for each task.
        tasks: its arguments.
        trial: what a process must be able to do; None: to be given the function and a task.
    """
    taken, began = 0, time.monotonic()
    if (auto := undecided(workers)) is not None:
        for taken, task in enumerate(tasks, 1):
            yield from workers.run(function, [task])
            seconds = time.monotonic() - began
            if seconds >= auto.terms.measured and taken < len(tasks):
                known = trial or Trial(_given, (function, tasks[taken]))
                auto.decide(seconds / taken * (len(tasks) - taken), known)
                break
    yield from workers.run(function, tasks[taken:])


def _given(_: object) -> None:
    """Nothing: whoever is called has been given the argument."""


@contextmanager
def open_auto(
    parallel: ParallelConfig,
    shared: AnyPath | None,
    terms: Terms | None = None,
    machine: Callable[[], Machine] = this_machine,
) -> Iterator[Workers]:
    """One thread of this process, which may become processes of this machine.

    Args:
        parallel: the most workers; -1: one for each core.
        shared: as every backend takes it.
        terms: when processes are worth it; None: as measured.
        machine: says what this process may use.
    """
    with ExitStack() as stack:
        threads = stack.enter_context(open_threads(ParallelConfig("threading", 1), shared))
        yield Auto(threads, stack, n_jobs=parallel.n_jobs, terms=terms or Terms(), machine=machine)
