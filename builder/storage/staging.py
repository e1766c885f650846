"""A folder is written beside its place, then put there."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from builder.errors import storage_error
from builder.storage.layout import Layout
from builder.storage.paths import AnyPath
from builder.storage.remote_lock import check_held
from builder.storage.remote_path import RemotePath


def remove_tree(folder: AnyPath) -> None:
    """Remove a folder with all that is in it.

    Raises:
        OSError: it cannot be removed.
    """
    if isinstance(folder, RemotePath):
        folder.remove()
    else:
        shutil.rmtree(folder)


@contextlib.contextmanager
def replaced(out: AnyPath, last: str) -> Iterator[Path]:
    """An empty folder, whose files take the place of those at `out` where the block ends well.

    It lies beside `out`, or, where that is behind a URL, in this machine's folder for temporary files.

    Args:
        out: what was there stays until the new one stands.
        last: the file that says that all others are there.

    Raises:
        LockedError: another build has taken over what is behind the URL.
        StorageError: the disk is full or not writable.
    """
    with _staging(out) as folder:
        try:
            yield folder
            _put_in_place(out, folder, last)
        except OSError as error:
            raise storage_error(error, folder) from error


@contextlib.contextmanager
def _staging(out: AnyPath) -> Iterator[Path]:
    """An empty folder, gone at the end of the block."""
    if isinstance(out, RemotePath):
        with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
            yield Path(folder)
        return
    staging = Layout.of(out).staging
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def publish(folder: Path, out: RemotePath, last: str) -> None:
    """Make what is behind a URL equal to a folder.

    Nothing can be renamed there. Who is stopped meanwhile leaves a note beside it: see `unfinished`.

    Args:
        folder: of this machine.
        out: where to.
        last: the file that says that all others are there: it goes first and comes last.
    """
    note = Layout.of(out).unfinished
    note.write_text("")
    (out / last).unlink(missing_ok=True)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    for path in list(out.rglob("*")):
        if path.relative_to(out).as_posix() not in files:
            path.unlink()
    for name in sorted(files, key=lambda name: name == last):
        (out / name).upload(folder / name)
    note.unlink(missing_ok=True)


def unfinished(out: AnyPath) -> bool:
    """Whether what is behind a URL is what a build has left that was stopped while it uploaded."""
    return isinstance(out, RemotePath) and Layout.of(out).unfinished.is_file()


def _put_in_place(out: AnyPath, staging: Path, last: str) -> None:
    """What was there goes once the new one stands. Behind a URL it goes file by file."""
    if isinstance(out, RemotePath):
        check_held(Layout.of(out).lock, out)
        publish(staging, out, last)
        return
    retired = Layout.of(out).retired
    shutil.rmtree(retired, ignore_errors=True)
    if out.exists():
        out.replace(retired)
    staging.replace(out)
    shutil.rmtree(retired, ignore_errors=True)


def bring_back(out: Path) -> None:
    """Undo what a process that was killed inside `replaced` has left: nothing at `out`."""
    retired = Layout.of(out).retired
    if retired.is_dir() and not out.exists():
        retired.replace(out)
