"""Files of this machine that stand in for others behind a URL: as large, with holes for what nobody has read.

Which ones they are this process alone knows: no file says so, hence no stranger's folder can.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from builder.errors import storage_error
from builder.storage.remote_path import RemotePath

AT_ONCE = 16
"""So many files behind a URL are asked for at a time: each answer takes a while to come."""


@dataclass(frozen=True)
class _Original:
    """What a file stands in for, and which of its bytes it has: from one up to another (exclusive)."""

    place: RemotePath
    brought: set[tuple[int, int]] = field(default_factory=set)

    def has(self, start: int, stop: int) -> bool:
        """Whether these bytes have been brought together."""
        return any(first <= start and stop <= end for first, end in self.brought)


_originals: dict[Path, _Original] = {}


def stand_in(path: Path, place: RemotePath, size: int) -> None:
    """Make a file that has none of the bytes yet; it takes no room.

    Args:
        path: the file.
        place: what it stands in for.
        size: how large that is.

    Raises:
        StorageError: the file cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.truncate(size)
    except OSError as error:
        raise storage_error(error, path) from error
    _originals[path] = _Original(place)


def whole(path: Path, place: RemotePath, size: int) -> None:
    """Make a file that has all of the bytes.

    Raises:
        FileNotFoundError, StorageError: as `bring`.
    """
    place.download(path)
    _originals[path] = _Original(place, {(0, size)})


def original(path: Path) -> RemotePath | None:
    """What a file stands in for; None: it is what it is."""
    known = _originals.get(path)
    return known.place if known else None


def bring(path: Path, start: int, stop: int) -> None:
    """Have a file that stands in for another hold some of its bytes; of any other file, do nothing.

    Args:
        path: the file.
        start: the first byte, or 0 where that is negative.
        stop: one past the last.

    Raises:
        FileNotFoundError: what it stands in for is gone.
        StorageError: that cannot be reached, or the file not be written.
    """
    known, start = _originals.get(path), max(0, start)
    if known is None or known.has(start, stop):
        return
    content = known.place.part(start, stop)
    try:
        with path.open("r+b") as file:
            file.seek(start)
            file.write(content)
    except OSError as error:
        raise storage_error(error, path) from error
    known.brought.add((start, stop))


def forget(folder: Path) -> None:
    """Know nothing more of the files in a folder."""
    for path in [path for path in _originals if path.is_relative_to(folder)]:
        del _originals[path]
