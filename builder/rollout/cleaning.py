"""Removing what was played: files that this program made, by their names and headers, and no others.

No link is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from builder.episodes.recording_file import is_recording
from builder.storage.layout import (
    ATTEMPT,
    BUILD,
    CHUNK,
    DESCRIBES,
    HANDED,
    IDENTITY,
    JOURNAL,
    LOCK,
    PROBE,
    RUNS,
    Layout,
    is_note,
)
from builder.storage.left_overs import remove_parts, remove_shards
from builder.storage.lock import locked
from builder.storage.paths import AnyPath, sorted_paths
from builder.storage.tree import files_in, is_file, is_folder, is_link
from builder.storage.workplace import MARK, is_workplace

WORKPLACES = ("staging", "retired", "rebuild-")


@dataclass(frozen=True)
class Cleaned:
    """What was removed beside a dataset folder.

    Attributes:
        freed: bytes.
        left: what lies there and was not made by this program.
    """

    freed: int
    left: tuple[AnyPath, ...]


def clean(out: AnyPath) -> Cleaned:
    """Remove what was played for a dataset folder, and what a process that was killed has left beside it.

    Raises:
        LockedError: a build is using it.
        StorageError: it cannot be read or written.
    """
    beside = Layout.of(out)
    root = beside.chunks
    if isinstance(out, Path) and not out.parent.is_dir():
        return Cleaned(0, ())
    with locked(out):
        before = _size(root)
        for path in sorted_paths(root.iterdir()):
            if IDENTITY.fullmatch(path.name):
                remove_chunks(path)
            elif PROBE.fullmatch(path.name) and is_file(path):
                path.unlink()
        freed = before - _size(root)
        left: list[AnyPath] = [path for path in files_in(root) if path != root / LOCK]
        left += _not_ours(out) if isinstance(out, Path) else []
        for note, key in (
            (beside.metrics, "attempts"),
            (beside.request, "request"),
            (beside.learned, RUNS),
        ):
            if is_note(note, key):
                note.unlink()
            elif is_link(note) or note.exists():
                left.append(note)
    return Cleaned(freed, tuple(left))


def _not_ours(out: Path) -> list[Path]:
    """What has the name of a folder that this program works in, and has not been removed with it."""
    found = sorted(path for path in out.parent.iterdir() if path.name.startswith(f".{out.name}."))
    named = [path for path in found if path.name.removeprefix(f".{out.name}.").startswith(WORKPLACES)]
    return [file for path in named for file in (_inside(path) if is_workplace(path) else [path])]


def _inside(folder: Path) -> list[Path]:
    return [path for path in files_in(folder) if path != folder / MARK]


def remove_chunks(folder: AnyPath) -> None:
    """Remove the chunks in the folder of an identity, and the folder where nothing else is in it."""
    if not is_folder(folder) or not IDENTITY.fullmatch(folder.name):
        return
    remove_parts(folder)
    remove_shards(folder)
    for path in sorted_paths(folder.iterdir()):
        if is_file(path) and _is_own(path):
            path.unlink()
    if isinstance(folder, Path):
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _is_own(path: AnyPath) -> bool:
    """Whether this program has made a file in the folder of an identity."""
    if CHUNK.fullmatch(path.name):
        return is_recording(path)
    kinds: dict[str, Callable[[], bool]] = {
        BUILD: lambda: is_note(path, DESCRIBES),
        JOURNAL: lambda: True,
    }
    return kinds.get(path.name, lambda: any(kind.fullmatch(path.name) for kind in (ATTEMPT, HANDED)))()


def _size(root: AnyPath) -> int:
    return sum(path.stat().st_size for path in files_in(root) if is_file(path))
