"""A folder is written beside its place, then put there."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from builder.storage.layout import beside, chunk_folder
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
def staging_folder(out: AnyPath) -> Iterator[Path]:
    """An empty folder where the files for `out` are put together; it is gone at the end of the block.

    It lies beside `out`, or, where that is behind a URL, in this machine's folder for temporary files.
    """
    if isinstance(out, RemotePath):
        with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
            yield Path(folder)
        return
    staging = out.parent / f".{out.name}.staging"
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
    note = _note(out)
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
    return isinstance(out, RemotePath) and _note(out).is_file()


def _note(out: RemotePath) -> RemotePath:
    return out.parent / f".{out.name}.unfinished"


def put_in_place(out: AnyPath, staging: Path, last: str) -> None:
    """Put a finished folder in its place; what was there goes once the new one stands.

    Args:
        out: where to. Behind a URL nothing can be renamed: there the old files go one by one.
        staging: the folder.
        last: its file that says that all others are there.

    Raises:
        LockedError: another build has taken over what is behind the URL.
    """
    if isinstance(out, RemotePath):
        check_held(chunk_folder(out) / "lock", out)
        publish(staging, out, last)
        return
    retired = beside(out, "retired")
    shutil.rmtree(retired, ignore_errors=True)
    if out.exists():
        out.replace(retired)
    staging.replace(out)
    shutil.rmtree(retired, ignore_errors=True)


def bring_back(out: Path) -> None:
    """Undo what a process that was killed inside `put_in_place` has left: nothing at `out`."""
    retired = beside(out, "retired")
    if retired.is_dir() and not out.exists():
        retired.replace(out)
