"""A folder of this program's own beside a dataset, known by a mark: what a kill leaves can be removed.

What is in one was made there by this program, or at its bidding. A folder without the mark is somebody
else's whatever its name is, and so is a link: neither is ever entered, and nothing in it is removed.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from builder.errors import StorageError
from builder.storage.durable import flush, make_folder

MARK = "il-builder"
"""The file by which a workplace is known."""
HEADER = "il-builder works in this folder. Where no il-builder runs, it can be removed.\n"


def is_workplace(folder: Path) -> bool:
    """Whether a folder is this program's own; one that was killed on the way has the mark in part."""
    mark = folder / MARK
    if folder.is_symlink() or mark.is_symlink() or not mark.is_file():
        return False
    with mark.open("rb") as file:
        return HEADER.encode().startswith(file.read(len(HEADER) + 1))


def make_workplace(folder: Path) -> None:
    """Make one, or find it there.

    Raises:
        StorageError: something else is there.
    """
    if folder.is_symlink() or (folder.exists() and not is_workplace(folder) and not _is_empty(folder)):
        raise StorageError(
            f"{folder} is in the way: il-builder has not made it, so it is left",
            remedy="move it away and run the same command again",
        )
    make_folder(folder)
    (folder / MARK).write_text(HEADER)
    flush(folder)


def remove_workplace(folder: Path, *, keep: str | None = None) -> None:
    """Remove one with what is in it, its mark last; one that cannot be removed now is found again later.

    Args:
        folder: the workplace; anything else is left, but for an empty folder: it may have lost its mark, or
            not have got it, when the power was cut.
        keep: how the names of those begin that stay in it, and the mark with them; None: none stays.
    """
    with suppress(OSError):
        if not is_workplace(folder):
            if not folder.is_symlink() and _is_empty(folder):
                folder.rmdir()
            return
        for child in sorted(folder.iterdir()):
            if child.name != MARK and not (keep and child.name.startswith(keep)):
                remove_anything(child)
        if {path.name for path in folder.iterdir()} == {MARK}:
            (folder / MARK).unlink()
            folder.rmdir()


def remove_anything(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, inside a workplace; no link is followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def passing_workplace(parent: Path, prefix: str) -> Iterator[Path]:
    """A new workplace for the length of the block.

    Args:
        parent: the folder that it is made in.
        prefix: of its name; see `remove_passed`.

    Raises:
        OSError: it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    make_workplace(folder)
    with (folder / MARK).open("a") as mark:
        _hold(mark)
        try:
            yield folder
        finally:
            remove_workplace(folder)


def remove_passed(parent: Path, prefix: str) -> None:
    """Remove the workplaces of this prefix whose process has gone."""
    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        if folder.name.startswith(prefix) and is_workplace(folder):
            with suppress(OSError), (folder / MARK).open("a") as mark:
                if _hold(mark):
                    remove_workplace(folder)


def _hold(mark: IO[str]) -> bool:
    """Whether the mark is this process's now; False where another has it, or the file system has no locks."""
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
