"""One build at a time for a dataset folder."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from builder.errors import BuilderError, LockedError, StorageError
from builder.storage.layout import BUILD, Layout
from builder.storage.paths import AnyPath
from builder.storage.remote_lock import remotely_locked
from builder.storage.remote_path import RemotePath
from builder.storage.staging import bring_back


@contextmanager
def locked(out: AnyPath) -> Iterator[None]:
    """Hold the dataset folder for this process alone; released when the process ends, however it does.

    Behind a URL it is `builder.storage.remote_lock` that holds it.

    Raises:
        LockedError: another build holds it.
        StorageError: the folder's parent is not writable.
    """
    if isinstance(out, RemotePath):
        there = Layout.of(out)
        with remotely_locked(there.lock, out):
            try:
                yield
            finally:
                with suppress(BuilderError, OSError):  # what the build ends with matters more
                    if not _played(there.chunks):
                        there.chunks.remove()
        return
    lock = Layout.of(out).lock
    made = [folder for folder in lock.parents if not folder.exists()]
    with _held(lock, out):
        try:
            bring_back(out)
            yield
        finally:
            _remove_if_empty(lock, made)


def _held(lock: Path, out: Path) -> IO[str]:
    """The lock's file, open and locked."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = lock.open("a")
        except OSError as error:
            if isinstance(error, FileNotFoundError) and error.filename == str(lock):
                continue  # a build that ended meanwhile has removed the folder
            raise StorageError(
                f"{out.parent} cannot be written: {error.strerror}", remedy="choose another `out`"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.close()
            raise LockedError(
                f"another build is writing to {out}", remedy="wait for it, or choose another `out`"
            ) from error
        if _is_at(handle, lock):
            return handle
        handle.close()  # a build that ended meanwhile has removed it: the next one locks another file


def _is_at(handle: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle.fileno()))
    except FileNotFoundError:
        return False


def _remove_if_empty(lock: Path, made: Sequence[Path]) -> None:
    """A build that has played nothing leaves nothing behind, not even the folders made for it."""
    folder = lock.parent
    if not _played(folder):
        shutil.rmtree(folder, ignore_errors=True)
        for parent in made:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _played(folder: AnyPath) -> bool:
    """Whether a chunk store holds more than its lock and what describes builds."""
    return any(path.is_file() and path.name not in ("lock", BUILD) for path in folder.rglob("*"))
