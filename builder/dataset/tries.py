"""What a worker writes of a dataset, in a folder of its own, and what it says of it.

A task that is done twice, since a worker seemed dead, is in nobody's way.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.dataset.writer import ShardWriter
from builder.errors import storage_error
from builder.manifest.manifest import FileEntry
from builder.storage.digest import file_sha256


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
    folder: Path
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
    folder: Path
    sizes: tuple[int, ...]
    beyond_bounds: int = 0


def rows_file(folder: Path, split: str) -> Path:
    """Where a worker leaves rows that it has encoded: a record batch for each row group."""
    return folder / f"{split}-00000.arrow"


def episodes_file(folder: Path, split: str) -> Path:
    """Where a worker leaves the episodes that begin in its files."""
    return folder / f"{split}.arrow"


def steps_file(folder: Path, split: str) -> Path:
    """Where a worker leaves the digests of the steps of these."""
    return folder / f"{split}.npy"


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """What the system says while files are written there is explained.

    Raises:
        StorageError: the disk is full or not writable.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(error, folder) from error


def own_folder(folder: Path, split: str, first: int) -> Path:
    """A new folder, for one time that a task is done.

    Args:
        folder: where it is made.
        split: the name of the split.
        first: the number of the first file, or the place of the first rows.

    Raises:
        StorageError: it cannot be made.
    """
    own = folder / f"{split}-{first:05d}-{uuid.uuid4().hex}"
    with storage_errors(own):
        own.mkdir()
    return own


def written(first: int, split: str, folder: Path, shards: ShardWriter, beyond_bounds: int = 0) -> Written:
    """What is known of the files that a writer has closed."""
    paths = [folder / shard.name for shard in shards.shards]
    files = {path.name: FileEntry(file_sha256(path), path.stat().st_size) for path in paths}
    return Written(split, first, sum(shard.rows for shard in shards.shards), folder, files, beyond_bounds)
