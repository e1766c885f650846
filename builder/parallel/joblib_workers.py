"""joblib's pool, which every backend has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from builder.parallel.workers import Result, Task

AHEAD = "n_jobs + n_jobs // 4 + 1"
"""Tasks given out at once, so that none waits for its next one; joblib itself takes as many more from the
iterator as there are workers. What becomes urgent waits for these."""


class JoblibWorkers:
    """Workers of a pool of joblib's.

    Args:
        parallel: a `joblib.Parallel` inside its block.
        count: how many it has.
    """

    def __init__(self, parallel: Any, count: int) -> None:
        self._parallel, self.count = parallel, count

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        import joblib

        yield from self._parallel(joblib.delayed(function)(task) for task in tasks)

    def everywhere(self, function: Callable[[Task], object], task: Task) -> None:
        """Nothing: no worker lives on."""


@contextmanager
def open_joblib(
    backend: Any, n_jobs: int, *, ahead: int | None = None, **kwargs: Any
) -> Iterator[JoblibWorkers]:
    """A pool of joblib's, one task at a time for each worker.

    Args:
        backend: the name of one of joblib's backends, or one of ours.
        n_jobs: workers; -1: one for each core.
        ahead: tasks that are given out at once; None: `AHEAD`.
        kwargs: what the backend takes beyond that.
    """
    import joblib

    with joblib.Parallel(
        n_jobs=n_jobs,
        backend=backend,
        return_as="generator_unordered",
        pre_dispatch=ahead or AHEAD,
        batch_size=1,
        max_nbytes=None,
        **kwargs,
    ) as parallel:
        yield JoblibWorkers(parallel, joblib.effective_n_jobs(n_jobs))
