"""What a worker writes of a dataset, in a folder of its own, here or behind a URL, and what it says of it.

A task that is done twice, since a worker seemed dead, is in nobody's way.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.dataset.writer import ShardWriter, storage_errors
from builder.manifest.manifest import FileEntry
from builder.storage.digest import file_sha256
from builder.storage.paths import AnyPath


@dataclass(frozen=True)
class Written:
    """Files that a worker has written.

    Attributes:
        split: the name of the split.
        first: the number of the first file.
        rows: how many they hold together.
        folder: where they lie.
        files: what is known of each, in their order, by its name there.
        beyond_bounds: how many observations are beyond their bounds, of the episodes that begin in them.
    """

    split: str
    first: int
    rows: int
    folder: AnyPath
    files: dict[str, FileEntry]
    beyond_bounds: int = 0


@dataclass(frozen=True)
class Encoded:
    """Rows that a worker has encoded, in row groups; which file each belongs to is not known yet.

    Attributes:
        split: the name of the split.
        first: their place among those of the split.
        folder: where they lie.
        sizes: the uncompressed bytes of each row group.
        beyond_bounds: see `Written`.
    """

    split: str
    first: int
    folder: AnyPath
    sizes: tuple[int, ...]
    beyond_bounds: int = 0


def rows_file(split: str) -> str:
    """The name of the file of rows that a worker has encoded: a record batch for each row group."""
    return f"{split}-00000.arrow"


def episodes_file(split: str) -> str:
    """The name of the file of the episodes that begin in a worker's files."""
    return f"{split}.arrow"


def steps_file(split: str) -> str:
    """The name of the file of the digests of the steps of these."""
    return f"{split}.npy"


@dataclass(frozen=True)
class Try:
    """One time that a task is done.

    Attributes:
        folder: where its files lie for all workers.
        here: where they are written: there, or where that is behind a URL, on this machine.
    """

    folder: AnyPath
    here: Path

    def written(self, first: int, split: str, shards: ShardWriter, beyond_bounds: int = 0) -> Written:
        """What is known of the files that a writer has closed."""
        paths = [self.here / shard.name for shard in shards.shards]
        files = {path.name: FileEntry(file_sha256(path), path.stat().st_size) for path in paths}
        rows = sum(shard.rows for shard in shards.shards)
        return Written(split, first, rows, self.folder, files, beyond_bounds)


def own_folder(folder: Path, split: str, first: int) -> Path:
    """A new folder for a task's files, whose name says that it is one.

    Raises:
        StorageError: it cannot be made.
    """
    own = folder / _name(split, first)
    with storage_errors(own):
        own.mkdir()
    return own


def _name(split: str, first: int) -> str:
    return f"{split}-{first:05d}-{uuid.uuid4().hex}"


@contextmanager
def begun(folder: AnyPath, split: str, first: int) -> Iterator[Try]:
    """A new folder, for one time that a task is done; behind a URL it has its files once the block has ended.

    Args:
        folder: where it is made.
        split: the name of the split.
        first: the number of the first file, or the place of the first rows.

    Raises:
        StorageError: it cannot be made; the disk is full or not writable.
    """
    if isinstance(folder, Path):
        own = own_folder(folder, split, first)
        yield Try(own, own)
        return
    there = folder / _name(split, first)
    passing = Path(tempfile.gettempdir()) / there.name
    with storage_errors(passing), tempfile.TemporaryDirectory(prefix="il-builder-") as here:
        yield Try(there, Path(here))
        for path in sorted(Path(here).iterdir()):
            (there / path.name).upload(path)
