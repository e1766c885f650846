"""Which workers are worth their start, from measured facts. A pure function."""

from __future__ import annotations

import math
from dataclasses import dataclass

from builder.parallel.machine import Machine

MEMORY_SHARE = 0.8
"""Of the memory that is free; the rest is this process's own, and the disk's cache."""


@dataclass(frozen=True)
class Terms:
    """When processes are worth it.

    Attributes:
        worth: how many seconds must remain for one worker.
        start: how many of them processes must save: to start them and load all once more takes about that.
        measured: how many must have been measured before: the first calls also load and make things.
    """

    worth: float = 15.0
    start: float = 5.0
    measured: float = 1.0


@dataclass(frozen=True)
class Facts:
    """What a choice depends on.

    Attributes:
        seconds: what remains for one worker.
        machine: what may be used of it.
        worker_bytes: what a process takes in memory.
        n_jobs: the most workers that are wanted; -1: one for each core.
        trial: seconds that processes are tried for, beside their start.
    """

    seconds: float
    machine: Machine
    worker_bytes: float
    n_jobs: int = -1
    trial: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What goes on with the work.

    Attributes:
        backend: `threading` or `loky`.
        count: how many workers.
        reason: why, in a few words.
    """

    backend: str
    count: int
    reason: str

    def __str__(self) -> str:
        kind = "thread" if self.backend == "threading" else "process"
        plural = "" if self.count == 1 else "es" if kind == "process" else "s"
        return f"{self.count} {kind}{plural}: {self.reason}"


def most_workers(n_jobs: int, cores: float) -> int:
    """How many workers there may be; as joblib counts, -1 is one for each core and -2 is one fewer.

    A part of a core counts as one: its worker gets that part, and all of them are slowed down alike.
    """
    there = max(1, math.ceil(cores))
    return min(there, n_jobs) if n_jobs > 0 else max(1, there + 1 + n_jobs)


def choose(facts: Facts, terms: Terms) -> Choice:
    """One thread, or as many processes as the machine bears, where they save more than their start costs."""
    machine, n_jobs = facts.machine, facts.n_jobs
    remains = f"about {facts.seconds:,.{0 if facts.seconds >= 1 else 1}f} s remain"
    if (bound := alone(machine, n_jobs)) is not None:
        return bound
    if facts.seconds <= terms.worth:
        return Choice("threading", 1, remains)
    there = f"{machine.cores:g} cores"
    fits = MEMORY_SHARE * machine.memory / max(1.0, facts.worker_bytes)
    count = most_workers(n_jobs, machine.cores)
    if fits < count:
        count = max(1, int(fits))
        there += f", memory for {count}"
    elif count < machine.cores:
        there += f", parallel.n_jobs={n_jobs}"
    if count == 1:
        return Choice("threading", 1, f"{remains}; {there}")
    if facts.seconds * (1 - 1 / min(count, machine.cores)) <= terms.start + facts.trial:
        return Choice("threading", 1, f"{remains}, of which {count} processes save too little; {there}")
    return Choice("loky", count, f"{remains} on one; {there}")


def alone(machine: Machine, n_jobs: int = -1) -> Choice | None:
    """The choice where there is none: there can be one worker only; None: there can be more."""
    if most_workers(n_jobs, machine.cores) > 1:
        return None
    return Choice("threading", 1, f"parallel.n_jobs={n_jobs}" if machine.cores > 1 else "1 core")
