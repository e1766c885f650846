"""The chunk store of a dataset folder: `.NAME.chunks/` beside it.

Chunks of one chunk identity lie in a folder of its first 16 digits. Recorded chunks are never trusted
blindly: identity and range are checked before one is used again, its sha256 whenever its arrays are read.
What the attempts came to stands in its header, with its own checksum, so that going on reads no array twice.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from builder.episodes.recording import Recording, joined
from builder.episodes.recording_file import SUFFIX, Header, header_of, read_recording, write_recording
from builder.errors import DatasetError, StorageError, storage_error
from builder.rollout.cleaning import remove_chunks
from builder.rollout.summary import ChunkSummary, summarise, summary_in, with_figures
from builder.storage.layout import BUILD, CHUNK
from builder.storage.left_overs import remove_parts, remove_shards
from builder.storage.paths import AnyPath, sorted_paths, write_whole
from builder.storage.stand_ins import AT_ONCE
from builder.storage.tree import is_folder, is_link

log = logging.getLogger(__name__)

Found = TypeVar("Found")


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
        if not is_folder(self.folder):
            return []
        return [path for path in sorted_paths(self.folder.iterdir()) if CHUNK.fullmatch(path.name)]

    def scan(self, *, failed: bool = True) -> list[ChunkSummary]:
        """The chunks that can be used again; damaged and stale ones are removed, with a warning.

        Where a chunk says what its attempts are, its arrays are not read: who reads them
        checks them, and asks to `mend` the store where they are damaged.

        Args:
            failed: also those with attempts that failed; else these are played again.

        Raises:
            StorageError: one cannot be read just now: it may be whole.
        """
        remove_parts(self.folder)
        remove_shards(self.folder)
        found = []
        for summary in self._summaries():
            if summary is not None and (failed or not summary.failed.any()):
                found.append(summary)
            elif summary is not None:
                summary.path.unlink()
        return found

    def mend(self) -> bool:
        """Read all chunks, and remove those that are damaged, with a warning; whether there were any.

        Raises:
            StorageError: one cannot be read just now: it may be whole.
        """
        found = [self._unless_damaged(path, self._is_whole) for path in self.files()]
        return None in found

    def _summaries(self) -> Iterator[ChunkSummary | None]:
        """What is known of each chunk, in order; None of one that was damaged."""
        paths = self.files()
        if isinstance(self.folder, Path):
            yield from (self._unless_damaged(path, self._summary) for path in paths)
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(lambda path: self._unless_damaged(path, self._summary), paths)

    def _unless_damaged(self, path: AnyPath, read: Callable[[AnyPath], Found]) -> Found | None:
        """What is read of a chunk; one that is damaged is removed, with a warning."""
        try:
            return read(path)
        except DatasetError as error:
            if isinstance(error, StorageError):
                raise
            log.warning("%s; its attempts are played again", error)
            path.unlink()
            return None

    def _summary(self, path: AnyPath) -> ChunkSummary:
        """What is known of a chunk: what its header says, else what its arrays do."""
        header = header_of(path)
        self._check_header(header, path)
        return summary_in(header, path) or summarise(self._checked(path), path)

    def _is_whole(self, path: AnyPath) -> bool:
        self._checked(path)
        return True

    def _checked(self, path: AnyPath) -> Recording:
        recording, header = read_recording(path)
        self._check_header(header, path)
        if recording.attempts.tolist() != list(range(header.start, header.stop)):
            raise DatasetError(f"{path} does not hold the attempts that its name says")
        return recording

    def _check_header(self, header: Header, path: AnyPath) -> None:
        if header.identity != self.identity:
            raise DatasetError(f"{path} belongs to another build")
        attempts = range(header.start, header.stop)
        if not attempts or path != self.path(attempts):
            raise DatasetError(f"{path} does not hold the attempts that its name says")

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
        # Each range looks at its own few chunks of very many.
        following = deque(sorted(found, key=lambda path: _held_by(path).start))
        for attempts in ranges:
            while following and _held_by(following[0]).stop <= attempts.start:
                following.popleft()
            if (target := self.path(attempts)) not in there:
                parts = list(self._cut(_until(attempts.stop, following), attempts))
                header = Header(self.identity, attempts.start, attempts.stop, parts[0][1].policy)
                recording = joined([recording for recording, _ in parts])
                write_recording(recording, target, with_figures(header, summarise(recording, target)))
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
                recording, header = read_recording(path)
                keep = (recording.attempts >= following) & (recording.attempts < attempts.stop)
                following = min(header.stop, attempts.stop)
                yield recording.select(keep), header

    def describe(self, build: Mapping[str, Any]) -> None:
        """Write what collation needs to know of the build beside the chunks.

        Raises:
            StorageError: it cannot be written, or a link is in its place.
        """
        if is_link(self.folder):
            raise StorageError(
                f"{self.folder} is a link, and il-builder keeps nothing behind one",
                remedy="remove the link; to keep chunks elsewhere, choose an `out` there",
            )
        try:
            write_whole(self.folder / BUILD, json.dumps(build, indent=1, sort_keys=True))
        except OSError as error:
            raise storage_error(error, self.folder / BUILD) from error

    def remove_others(self, kept: Iterable[AnyPath] = ()) -> None:
        """Remove the chunks of other identities: they belong to a dataset that is no longer at `out`.

        Args:
            kept: folders of others that stay all the same.
        """
        stay = {self.folder, *kept}
        for folder in sorted_paths(self.root.iterdir()):
            if folder not in stay:
                remove_chunks(folder)

    def remove(self) -> None:
        """Remove all chunks."""
        self.remove_others()
        remove_chunks(self.folder)


def _held_by(path: AnyPath) -> range:
    """The attempts that a chunk file holds, by its name."""
    start, stop = path.name.removesuffix(SUFFIX).split("-")[1:]
    return range(int(start), int(stop))


def _until(attempt: int, paths: Iterable[AnyPath]) -> list[AnyPath]:
    """Of chunks in order, the first ones, which begin before an attempt."""
    return list(takewhile(lambda path: _held_by(path).start < attempt, paths))
