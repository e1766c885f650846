"""Folders walked without ever following a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from builder.errors import DatasetError
from builder.storage.remote_path import RemotePath

SomePath = TypeVar("SomePath", bound=Path | RemotePath)
SNAPSHOTS, BLOBS = "snapshots", "blobs"
"""Folders of a repository in the Hub client's cache: the first holds links to files in the second."""
REMEDY = "build or pull it again"


def files_in(folder: SomePath) -> Iterator[SomePath]:
    """All in a folder that is no folder itself, in order; a link to a folder is one of them."""
    found: Any = folder.rglob("*") if isinstance(folder, RemotePath) else _files_in(folder)
    yield from found


def _files_in(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(Path(entry.path))
        else:
            yield Path(entry.path)


def is_file(path: Path | RemotePath) -> bool:
    """Whether there is a file, and not a link to one."""
    return path.is_file() and not is_link(path)


def is_folder(path: Path | RemotePath) -> bool:
    """Whether there is a folder, and not a link to one."""
    return path.is_dir() and not is_link(path)


def is_link(path: Path | RemotePath) -> bool:
    """Whether there is a link, wherever it leads; behind a URL there are none."""
    return isinstance(path, Path) and path.is_symlink()


def remove_empty(folder: Path | RemotePath) -> None:
    """Remove a folder and those in it, as far as they are empty; behind a URL there are no empty ones."""
    if isinstance(folder, RemotePath) or not is_folder(folder):
        return
    for path in sorted(folder.iterdir()):
        remove_empty(path)
    with suppress(OSError):
        folder.rmdir()


def inside(folder: Path, name: str) -> Path:
    """The path of a file that lies in a folder; in the Hub client's cache, of a link to where that keeps it.

    Raises:
        DatasetError: it is missing, no file, or leads elsewhere.
    """
    path, home = folder / name, folder.resolve()
    homes = [home, home.parent.parent / BLOBS] if home.parent.name == SNAPSHOTS else [home]
    try:
        real = path.resolve(strict=True)
        regular = stat.S_ISREG(real.stat().st_mode)
    except (OSError, RuntimeError) as error:
        raise DatasetError(
            f"{path} cannot be read: it is missing, or a link to nowhere", remedy=REMEDY
        ) from error
    if not any(real.is_relative_to(place) for place in homes):
        raise DatasetError(
            f"{path} is a link that leads out of the dataset",
            got=real,
            remedy="a copy with its links followed (cp -rL) can be opened",
        )
    if not regular:
        raise DatasetError(f"{path} is not a regular file", remedy=REMEDY)
    return path
