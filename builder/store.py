"""The chunk store of a dataset folder: `.NAME.chunks/` beside it.

Chunks of one chunk identity lie in a folder of its first 16 digits. Recorded chunks are never trusted
blindly: identity, range and sha256 are checked before one is used again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, TypeVar

from builder.errors import BuilderError, DatasetError, LockedError, StorageError, storage_error
from builder.lease import leased
from builder.recording import SUFFIX, Header, Recording, joined, load, save
from builder.remote_path import RemotePath
from builder.rollout.worker import ChunkSummary, summarise
from builder.storage import AnyPath, listed, publish, remove_tree

log = logging.getLogger(__name__)

Place = TypeVar("Place", bound=AnyPath)

BUILD = "build.json"
"""Beside the chunks: what collation needs to know of the build."""


def folder_of(out: Place) -> Place:
    """The chunk store that serves a dataset folder."""
    return _beside(out, "chunks")


def metrics_path(out: Place) -> Place:
    """Timings and counts of the last build, beside the dataset folder."""
    return _beside(out, "metrics.json")


def request_path(out: Place) -> Place:
    """What the dataset folder was built for (`builder.recall`), beside it."""
    return _beside(out, "request.json")


def _beside(out: Place, suffix: str) -> Place:
    named = out if out.name not in ("", "..") else out.resolve()  # "." has no name of its own
    return named.parent / f".{named.name}.{suffix}"  # type: ignore[return-value]  # of the kind of `out`


@contextmanager
def locked(out: AnyPath) -> Iterator[None]:
    """Hold the dataset folder for this process alone; released when the process ends, however it does.

    Behind a URL it is `builder.lease` that holds it.

    Raises:
        LockedError: another build holds it.
        StorageError: the folder's parent is not writable.
    """
    if isinstance(out, RemotePath):
        root = folder_of(out)
        with leased(root / "lock", out):
            try:
                yield
            finally:
                with suppress(BuilderError, OSError):  # what the build ends with matters more
                    if not _played(root):
                        root.remove()
        return
    lock = folder_of(out) / "lock"
    made = [folder for folder in lock.parents if not folder.exists()]
    with _held(lock, out):
        try:
            bring_back(out)
            yield
        finally:
            _remove_if_empty(lock, made)


def _held(lock: Path, out: Path) -> IO[str]:
    """The lock's file, open and locked."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = lock.open("a")
        except OSError as error:
            raise StorageError(
                f"{out.parent} cannot be written: {error.strerror}", remedy="choose another `out`"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.close()
            raise LockedError(
                f"another build is writing to {out}", remedy="wait for it, or choose another `out`"
            ) from error
        if _is_at(handle, lock):
            return handle
        handle.close()  # a build that ended meanwhile has removed it: the next one locks another file


def _is_at(handle: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle.fileno()))
    except FileNotFoundError:
        return False


def _remove_if_empty(lock: Path, made: Sequence[Path]) -> None:
    """A build that has played nothing leaves nothing behind, not even the folders made for it."""
    folder = lock.parent
    if not _played(folder):
        shutil.rmtree(folder, ignore_errors=True)
        for parent in made:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _played(folder: AnyPath) -> bool:
    """Whether a chunk store holds more than its lock and what describes builds."""
    return any(path.is_file() and path.name not in ("lock", BUILD) for path in folder.rglob("*"))


def put_in_place(out: AnyPath, staging: Path, last: str) -> None:
    """Put a finished folder in its place; what was there goes once the new one stands.

    Args:
        out: where to. Behind a URL nothing can be renamed: there the old files go one by one.
        staging: the folder.
        last: its file that says that all others are there.
    """
    if isinstance(out, RemotePath):
        publish(staging, out, last)
        return
    retired = _beside(out, "retired")
    shutil.rmtree(retired, ignore_errors=True)
    if out.exists():
        out.replace(retired)
    staging.replace(out)
    shutil.rmtree(retired, ignore_errors=True)


def bring_back(out: Path) -> None:
    """Undo what a process that was killed inside `put_in_place` has left: nothing at `out`."""
    retired = _beside(out, "retired")
    if retired.is_dir() and not out.exists():
        retired.replace(out)


@dataclass(frozen=True)
class ChunkStore:
    """The chunks of one chunk identity.

    Attributes:
        root: `.NAME.chunks/`, of this machine or behind a URL.
        identity: the chunk identity.
    """

    root: AnyPath
    identity: str

    @property
    def folder(self) -> AnyPath:
        """Where this identity's chunks lie."""
        return self.root / self.identity[:16]

    def path(self, attempts: range) -> AnyPath:
        """The file of a range of attempts."""
        return self.folder / f"chunk-{attempts.start:08d}-{attempts.stop:08d}{SUFFIX}"

    def files(self) -> list[AnyPath]:
        """All chunk files, in order."""
        return listed(self.folder.glob(f"chunk-*{SUFFIX}"))

    def scan(self) -> list[ChunkSummary]:
        """The chunks that can be used again; damaged and stale ones are removed, with a warning."""
        for part in listed(self.folder.glob(".*.part")):
            part.unlink()
        found = []
        for path in self.files():
            try:
                recording = self._checked(path)
            except DatasetError as error:
                log.warning("%s; its attempts are played again", error)
                path.unlink()
                continue
            found.append(summarise(recording, path))
        return found

    def _checked(self, path: AnyPath) -> Recording:
        recording, header = load(path)
        if header.identity != self.identity:
            raise DatasetError(f"{path} belongs to another build")
        attempts = range(header.start, header.stop)
        if not attempts or path != self.path(attempts) or recording.attempts.tolist() != list(attempts):
            raise DatasetError(f"{path} does not hold the attempts that its name says")
        return recording

    def settle(self, stop: int, size: int) -> None:
        """Keep attempts 0 up to `stop` (exclusive) in files of `size` attempts each, and nothing else.

        However the attempts were cut into chunks, and however many were played, the files are the same.

        Raises:
            DatasetError: a chunk is damaged.
            StorageError: the disk is full or not writable.
        """
        found = self.files()
        ranges = [range(first, min(first + size, stop)) for first in range(0, stop, size)]
        there = set(found)
        following = deque(
            sorted(found, key=lambda path: _held_by(path).start)
        )  # each range looks at its own few chunks of very many
        for attempts in ranges:
            while following and _held_by(following[0]).stop <= attempts.start:
                following.popleft()
            if (target := self.path(attempts)) not in there:
                parts = list(self._cut(_until(attempts.stop, following), attempts))
                header = Header(self.identity, attempts.start, attempts.stop, parts[0][1].policy)
                save(joined([recording for recording, _ in parts]), target, header)
        settled = {self.path(attempts) for attempts in ranges}
        for path in self.files():
            if path not in settled:
                path.unlink()

    def _cut(self, paths: Sequence[AnyPath], attempts: range) -> Iterator[tuple[Recording, Header]]:
        """The parts of chunk files that hold a range of attempts, each attempt once."""
        following = attempts.start
        for path in paths:
            held = _held_by(path)
            if held.start <= following < held.stop and following < attempts.stop:
                recording, header = load(path)
                keep = (recording.attempts >= following) & (recording.attempts < attempts.stop)
                following = min(header.stop, attempts.stop)
                yield recording.select(keep), header

    def describe(self, build: Mapping[str, Any]) -> None:
        """Write what collation needs to know of the build beside the chunks."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / BUILD).write_text(json.dumps(build, indent=1, sort_keys=True))
        except OSError as error:
            raise storage_error(error, self.folder / BUILD) from error

    def remove_others(self) -> None:
        """Remove the chunks of other identities: they belong to a dataset that is no longer at `out`."""
        for folder in listed(self.root.iterdir()):
            if folder.is_dir() and folder != self.folder:
                remove_tree(folder)

    def remove(self) -> None:
        """Remove all chunks."""
        self.remove_others()
        with suppress(OSError):
            remove_tree(self.folder)


def _held_by(path: AnyPath) -> range:
    """The attempts that a chunk file holds, by its name."""
    start, stop = path.name.removesuffix(SUFFIX).split("-")[1:]
    return range(int(start), int(stop))


def _until(attempt: int, paths: Iterable[AnyPath]) -> list[AnyPath]:
    """Of chunks in order, the first ones, which begin before an attempt."""
    return list(takewhile(lambda path: _held_by(path).start < attempt, paths))


def clean(out: AnyPath) -> int:
    """Remove the chunk store of a dataset folder.

    Returns:
        The bytes that were freed.

    Raises:
        LockedError: a build is using it.
    """
    root = folder_of(out)
    if not root.is_dir():
        return 0
    with locked(out):
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        for path in listed(root.iterdir()):
            if path.is_dir():
                remove_tree(path)
    metrics_path(out).unlink(missing_ok=True)
    request_path(out).unlink(missing_ok=True)
    return size
