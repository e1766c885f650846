"""One build at a time for a dataset folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from builder.errors import BuilderError, LockedError, StorageError
from builder.storage.durable import make_folder
from builder.storage.layout import BUILD, DESCRIBES, IDENTITY, LOCK, Layout, is_note
from builder.storage.left_overs import has_left_overs, remove_left_overs
from builder.storage.paths import AnyPath, sorted_paths
from builder.storage.remote_lock import remotely_locked
from builder.storage.remote_path import RemotePath
from builder.storage.tree import files_in, is_folder

PAUSE = 0.2
"""Seconds between two looks at what another process holds."""


@contextmanager
def locked(out: AnyPath) -> Iterator[None]:
    """Hold the dataset folder for this process alone; released when the process ends, however it does.

    What a process that was killed has left beside it is removed first. Behind a URL it is
    `builder.storage.remote_lock` that holds it.

    Raises:
        LockedError: another build holds it.
        StorageError: the folder's parent is not writable, or its file system has no locks.
    """
    if isinstance(out, RemotePath):
        there = Layout.of(out)
        with remotely_locked(there.lock, out):
            try:
                yield
            finally:
                with suppress(BuilderError, OSError):  # what the build ends with matters more
                    _remove_if_unused(there.chunks, ())
        return
    beside = Layout.of(out)
    root = beside.chunks
    made = [folder for folder in root.parents if not folder.exists()]
    handle = _held(beside.lock, out)
    try:
        remove_left_overs(out)
        yield
    finally:
        _remove_if_unused(root, made)
        os.close(handle)


@contextmanager
def locked_in_turn(out: AnyPath) -> Iterator[None]:
    """The same, for what is held a moment only: where another process has it, wait.

    Raises:
        StorageError: as `locked`.
    """
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(out))
                break
            except LockedError:
                time.sleep(PAUSE)
        yield


def recover_unless_held(out: Path) -> None:
    """Undo or finish what a process that was killed has left, for who reads and may not be able to write."""
    if has_left_overs(out):
        with suppress(BuilderError, OSError), locked(out):
            pass


def _held(lock: Path, out: Path) -> int:
    """The lock's file, open and locked."""
    while True:
        handle = _open(lock, out)
        if handle is None:
            continue  # a build that ended meanwhile has removed the folder
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise _refused(error, out) from error
        if _is_at(handle, lock):
            return handle
        os.close(handle)  # a build that ended meanwhile has removed it: the next one locks another file


def _open(lock: Path, out: Path) -> int | None:
    """The lock's file; None where its folder is gone again.

    Raises:
        StorageError: it cannot be made, or a link is in its place: what is behind that is not ours.
    """
    try:
        make_folder(lock.parent)
        if lock.parent.is_symlink():
            raise StorageError(
                f"{lock.parent} is a link, and il-builder keeps nothing behind one",
                remedy="remove the link; to keep chunks elsewhere, choose an `out` there",
            )
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename == str(lock):
            return None
        raise StorageError(
            f"{out.parent} cannot be written: {error.strerror}", remedy="choose another `out`"
        ) from error


def _refused(error: OSError, out: Path) -> BuilderError:
    """What it means that the lock cannot be had."""
    if isinstance(error, BlockingIOError):
        return LockedError(
            f"another build is writing to {out}", remedy="wait for it, or choose another `out`"
        )
    return StorageError(
        f"the file system of {out.parent} cannot lock files (flock: {error.strerror}), so nothing would keep"
        " two builds apart",
        remedy="choose an `out` on another one, a local disk for instance",
    )


def _is_idle(path: AnyPath, root: AnyPath) -> bool:
    """Whether a file is in a store also where nothing was played: its lock, what describes a build."""
    return path == root / LOCK or (path.name == BUILD and is_note(path, DESCRIBES))


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False


def _remove_if_unused(root: AnyPath, made: Sequence[Path]) -> None:
    """A build that has played nothing leaves nothing behind, not even the folders made for it."""
    if not all(_is_idle(path, root) for path in files_in(root)):
        return
    for folder in sorted_paths(root.iterdir()):
        if is_folder(folder) and IDENTITY.fullmatch(folder.name):
            (folder / BUILD).unlink(missing_ok=True)
            if isinstance(folder, Path):
                with suppress(OSError):
                    folder.rmdir()
    (root / LOCK).unlink(missing_ok=True)
    for folder in (root, *made) if isinstance(root, Path) else ():
        with suppress(OSError):  # it is not empty
            folder.rmdir()
