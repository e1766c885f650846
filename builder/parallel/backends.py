"""The table of backends: what `parallel=` chooses from. Configuration, help and documentation follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from builder.errors import ConfigError
from builder.parallel.auto import open_auto
from builder.parallel.cancellation import cancel
from builder.parallel.on_dask import open_dask
from builder.parallel.on_ray import open_ray
from builder.parallel.processes import open_processes
from builder.parallel.threads import open_threads
from builder.parallel.workers import ParallelConfig, Workers
from builder.storage.paths import AnyPath


@dataclass(frozen=True)
class Backend:
    """A place where tasks are done.

    Attributes:
        about: what its workers are, in a line.
        open: makes them, given how many and where, and the folder that workers on other machines must see
            under the same path; they are let go at the end of the block.
    """

    about: str
    open: Callable[[ParallelConfig, AnyPath | None], AbstractContextManager[Workers]]


BACKENDS = {
    "auto": Backend("one thread while little remains, else processes on all cores", open_auto),
    "threading": Backend(
        "threads of this process; Python runs one at a time outside compiled code", open_threads
    ),
    "loky": Backend("processes of this machine", open_processes),
    "dask": Backend("workers of a dask cluster; without an address, processes of this machine", open_dask),
    "ray": Backend("workers of a ray cluster; without an address, processes of this machine", open_ray),
}


def find_backend(name: str) -> Backend:
    """The backend of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in BACKENDS:
        raise ConfigError("parallel.backend is unknown", expected=" or ".join(BACKENDS), got=repr(name))
    return BACKENDS[name]


@contextmanager
def open_workers(parallel: ParallelConfig, shared: AnyPath | None = None) -> Iterator[Workers]:
    """Workers for the length of the block; where it raises, those of this process are asked to stop.

    Args:
        parallel: of which backend, and how many.
        shared: a folder of this machine that workers of other machines must see under the same path.

    Raises:
        BuilderError: they cannot be had.
    """
    cancel(stop=False)
    with find_backend(parallel.backend).open(parallel, shared) as workers:
        try:
            yield workers
        except BaseException:
            cancel()
            raise
