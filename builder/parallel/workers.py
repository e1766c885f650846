"""What every backend gives: workers that call a function on tasks, wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from builder.errors import ConfigError
from builder.storage.limits import JOBS

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers(Protocol):
    """Workers for the length of a `with` block (`builder.parallel.backends.open_workers`)."""

    @property
    def count(self) -> int:
        """How many there are."""

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results as they come, in whatever order; what a call raises is raised here.

        Tasks are asked for as workers become free, by a thread of this process that may be another one each
        time: what is to be done can be decided while other tasks are under way.

        Raises:
            WorkersError: workers have died.
        """

    def everywhere(self, function: Callable[[Task], object], task: Task) -> None:
        """Call a function once in every process that lives on after the block; it must not fail."""


@dataclass(frozen=True)
class ParallelConfig:
    """Which workers (`conf/parallel/`).

    Attributes:
        backend: one of `builder.parallel.backends.BACKENDS`.
        n_jobs: workers; -1: one for each core. A dask cluster at an address has as many as it has.
        address: of a dask scheduler or a ray cluster; unset: one of this machine, while it is needed.
    """

    backend: str
    n_jobs: int
    address: str | None = None

    def __post_init__(self) -> None:
        if self.n_jobs == 0:
            raise ConfigError("parallel.n_jobs is 0", expected="a number of workers, or -1 for all cores")
        if abs(self.n_jobs) > JOBS:
            raise ConfigError("parallel.n_jobs is out of range", expected=f"at most {JOBS}", got=self.n_jobs)
