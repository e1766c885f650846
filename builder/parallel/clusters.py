"""What every worker of a cluster must have in common with this process, and the check of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from builder.errors import BuilderError, OutOfReachError, StorageError, WorkersError
from builder.storage.paths import AnyPath, is_shared, place
from builder.versions import all_code, installed_version

COMPARED = ("il-builder", "gymnasium", "numpy", "torch", "joblib")
"""Packages that must have the same version on all workers."""
SECONDS = 10
"""How long a scheduler and its first worker are waited for."""
LIVES = 3
"""How many workers may die of one task, and another still takes it; dask's own number."""


def facts(probe: str | None) -> dict[str, Any]:
    """What a worker says of itself.

    Args:
        probe: a file in the shared folder; None: nothing is shared.
    """
    found: dict[str, Any] = {name: installed_version(name) for name in COMPARED}
    found["the code of il-builder"] = all_code()[:12]
    found["shared"] = probe is None or is_shared(place(probe))
    return found


def check_facts(found: Mapping[str, Mapping[str, Any]], shared: AnyPath | None) -> None:
    """Compare all workers with this process.

    Args:
        found: by the worker's address, its `facts`.
        shared: the folder that all must see.

    Raises:
        WorkersError: a worker has another version of a package.
        StorageError: a worker does not see, or may not write, the folder.
    """
    ours = facts(None)
    for worker, theirs in sorted(found.items()):
        for name in (*COMPARED, "the code of il-builder"):
            if theirs.get(name) != ours[name]:
                raise WorkersError(
                    f"the worker {worker} has another version of {name}",
                    expected=ours[name],
                    got=theirs.get(name) or "none",
                    remedy="install the same versions on all machines: pip install -c constraints.txt",
                )
        if not theirs["shared"]:
            raise StorageError(
                f"the worker {worker} cannot use {shared}",
                remedy="choose an `out` in a folder that all workers share under one path, and may write",
            )


@contextmanager
def probe_file(shared: AnyPath | None) -> Iterator[str | None]:
    """A file that only those who share the folder can see."""
    if shared is None:
        yield None
        return
    path = shared.absolute() / f".probe-{uuid.uuid4().hex}"
    try:
        path.write_text("")
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


def unfit(worker: str, error: BaseException) -> BuilderError:
    """The error for a worker that cannot be asked, or cannot answer."""
    if isinstance(error, BuilderError):
        error.what = f"of the worker {worker}: {error.what}"
        return error
    return WorkersError(
        f"a worker ({worker}) cannot run il-builder: {type(error).__name__}: {error}",
        remedy="install the same versions on all machines: pip install -c constraints.txt",
    )


def out_of_reach(what: str, said: str) -> OutOfReachError:
    """The error for a cluster whose connection was lost, and what is said of it there."""
    remedy = "run the same command again once it answers"
    return OutOfReachError(f"the connection to {what} was lost", got=said[:200] or None, remedy=remedy)


def given_up() -> WorkersError:
    """The error for a task that has taken several workers with it."""
    return WorkersError(
        "a task was given up: every worker that took it died, most likely for want of memory",
        remedy="run the same command again on workers of more memory",
    )
