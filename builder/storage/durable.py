"""What survives a power cut: flushed before the rename that makes it count, and its folder after that."""

from __future__ import annotations

import errno
import os
from pathlib import Path

UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems answer that have nothing to flush there."""


def put(source: Path, target: Path) -> None:
    """Make a finished file or folder count: all of it reaches the disk, then it is renamed, then that does.

    Args:
        source: the file or folder, on the same file system.
        target: what it becomes; a file there is replaced, a folder must be empty.

    Raises:
        OSError: it could not be written; `target` is what it was, or holds all of it.
    """
    flush(source)
    move(source, target)


def move(source: Path, target: Path) -> None:
    """Rename what is on the disk already, and have the disk hold that.

    Raises:
        OSError: it could not be renamed.
    """
    source.replace(target)
    flush_folder(target.parent)
    if source.parent != target.parent:
        flush_folder(source.parent)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it, so that they are there after a power cut too.

    Returns:
        Those that were made, the lowest first.

    Raises:
        OSError: they cannot be made.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        flush_folder(path.parent)
    return made


def flush(path: Path) -> None:
    """Have the disk hold a file, or a folder with all that is in it; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        if path.is_file() and not path.is_symlink():
            _flush(path, os.O_RDONLY)
        return
    for child in sorted(path.iterdir()):
        flush(child)
    flush_folder(path)


def flush_folder(folder: Path) -> None:
    """Have the disk hold which files a folder has."""
    _flush(folder, os.O_RDONLY | os.O_DIRECTORY)


def _flush(path: Path, flags: int) -> None:
    opened = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(opened)
