"""What a process that was killed has left beside a dataset folder, found by the next one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builder.errors import BuilderError
from builder.storage.layout import (
    ATTEMPT,
    BUILD,
    CHUNK,
    IDENTITY,
    JOURNAL,
    SHARDS,
    TOKEN,
    TRY,
    WRITTEN,
    Layout,
)
from builder.storage.paths import PART, AnyPath, is_part, is_part_of, sorted_paths
from builder.storage.remote_path import RemotePath
from builder.storage.staging import recover
from builder.storage.tree import files_in, is_file, is_folder
from builder.storage.workplace import is_workplace, passing_workplace, remove_passed

WHOLE = (CHUNK, ATTEMPT, re.compile(re.escape(BUILD)), re.compile(re.escape(JOURNAL)))
"""What workers and builds write in the folder of an identity."""


def remove_left_overs(out: Path) -> None:
    """Remove them, or bring back what was moved aside; the caller holds the lock of `out`."""
    recover(out)
    beside = Layout.of(out)
    remove_passed(out.parent, beside.rebuilds.name)
    notes = (beside.metrics.name, beside.request.name, beside.learned.name)
    for path in sorted(out.parent.iterdir()):
        if any(is_part_of(note, path) for note in notes):
            shutil.rmtree(path, ignore_errors=True)
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if is_part(path):  # of a card, written in place
            shutil.rmtree(path, ignore_errors=True)
    for folder in sorted(beside.chunks.iterdir()):
        if IDENTITY.fullmatch(folder.name):
            remove_parts(folder)
            remove_shards(folder)
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def remove_parts(folder: AnyPath) -> None:
    """Remove what a killed worker has left half written."""
    for path in sorted_paths(folder.iterdir()) if is_folder(folder) else ():
        part = PART.fullmatch(path.name)
        if part is None or not any(kind.fullmatch(part[1]) for kind in WHOLE):
            continue
        if isinstance(path, Path) and is_folder(path):
            shutil.rmtree(path, ignore_errors=True)
        elif is_file(path):
            path.unlink()


def remove_shards(folder: AnyPath) -> None:
    """Remove the files of an unfinished dataset in the folder of an identity; no link is followed."""
    root = folder / SHARDS
    if isinstance(root, RemotePath):
        for found in list(files_in(root)):
            if _is_shard(found.relative_to(root)):
                found.unlink(missing_ok=True)
        return
    if not is_folder(root):
        return
    for attempt in sorted(root.iterdir()):
        if not TRY.fullmatch(attempt.name) or not is_folder(attempt):
            continue
        for path in sorted(attempt.iterdir()):
            if WRITTEN.fullmatch(path.name) and is_file(path):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty, or a worker is still at it
            attempt.rmdir()
    with suppress(OSError):
        root.rmdir()


def _is_shard(path: Path) -> bool:
    """Whether a file behind a URL is of an unfinished dataset, by its path below those of all builds."""
    if len(path.parts) != 3:
        return False
    build, attempt, name = path.parts
    part = PART.fullmatch(name)
    return all(
        kind.fullmatch(text)
        for kind, text in ((TOKEN, build), (TRY, attempt), (WRITTEN, part[1] if part else name))
    )


def has_left_overs(out: Path) -> bool:
    """Whether what lies at a dataset's place is not what it should be, since a process was killed there."""
    try:
        return is_workplace(Layout.of(out).staging) or any(
            map(is_part, out.iterdir() if out.is_dir() else ())
        )
    except (BuilderError, OSError):
        return False


@contextmanager
def rebuild_folder(dataset: Path) -> Iterator[Path]:
    """A folder beside a dataset where it is built again, for the length of the block.

    Raises:
        OSError: it cannot be made.
    """
    prefix = Layout.of(dataset).rebuilds.name
    remove_passed(dataset.parent, prefix)
    with passing_workplace(dataset.parent, prefix) as folder:
        yield folder
