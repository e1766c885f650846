"""Folders walked without ever following a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from builder.storage.remote_path import RemotePath

SomePath = TypeVar("SomePath", bound=Path | RemotePath)


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
