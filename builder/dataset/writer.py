"""Rows as Parquet files whose bytes depend on the rows alone, not on the pieces in which they came."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.errors import DatasetError, storage_error
from builder.versions import DATA_FORMAT

SHARD_SIZE = 500_000_000  # uncompressed bytes, the bound that `datasets` uses for its own shards
ROW_GROUP_SIZE = 16 * 2**20  # uncompressed bytes: what a writer and a streaming reader hold at a time
ROW_GROUP_ROWS = 65_536
MAX_PENDING = 16  # tables that wait for their row group before they are put together
ASSUMED_SIZE = {"binary": 16 * 2**10, "string": 32}  # bytes of a value whose type does not tell its size

# All that pyarrow would choose by itself and that changes the bytes.
FIXED: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "data_page_size": 2**20,
    "dictionary_pagesize_limit": 2**20,
    "max_rows_per_page": 20_000,
    "write_batch_size": 1024,
    "compression": "zstd",
    "compression_level": 3,
    "write_statistics": True,
    "write_page_index": True,
    "store_schema": True,
}
BY_CONTENT = {"min_chunk_size": 2**18, "max_chunk_size": 2**20, "norm_level": 0}
"""Pages end where the values say so, hence after a change at the same rows as before, so that the Hub is sent
only what is new. As `datasets` 5 writes, and as the Hub knows it: see `CHUNKING`."""
SETTINGS: dict[str, dict[str, Any]] = {
    "0.1.0": FIXED,
    DATA_FORMAT: {**FIXED, "use_content_defined_chunking": BY_CONTENT},
}
"""How a file is written, by the format of the data. What an older one was written with stays here: its
datasets are grown and rebuilt as they are."""
CHUNKING = "content_defined_chunking"
"""Under which a file says how its pages were cut, as those of `datasets` do."""


@dataclass(frozen=True)
class Packing:
    """How rows are put into files.

    Attributes:
        shard_size: uncompressed bytes at which a shard is full.
        most_rows: of a row group.
        data_format: the format of the data, one of `SETTINGS`.
    """

    shard_size: int = SHARD_SIZE
    most_rows: int = ROW_GROUP_ROWS
    data_format: str = DATA_FORMAT


STANDARD = Packing()


@dataclass(frozen=True)
class Shard:
    """A finished Parquet file.

    Attributes:
        name: its file name in the folder.
        rows: how many rows it holds.
    """

    name: str
    rows: int


class ShardWriter:
    """Writes the rows of a split as `{split}-{i:05d}-of-{n:05d}.parquet`.

    A context manager: the files appear when its block ends well, and none does when it raises. A split
    without rows leaves no file. A thread encodes a row group while the next one is put together: these two
    and one written table are held in memory.

    A row group has a number of rows that follows from the schema alone, and a shard ends with the row
    group that reaches its size; so the same rows give the same bytes, however they are cut into tables.

    Args:
        folder: an existing folder.
        split: the name of the split.
        schema: from `builder.dataset.features.arrow_schema`.
        packing: how much goes into a file and its parts, and how these are written.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        *,
        schema: pa.Schema,
        packing: Packing = STANDARD,
    ) -> None:
        self._folder = folder
        self._split = split
        self._schema = schema
        self._shard_size = packing.shard_size
        self._group_rows = row_group_rows(schema, packing.most_rows)
        self._settings = SETTINGS[packing.data_format] | _encodings(schema)
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._thread = ThreadPoolExecutor(1, "parquet")
        self._encoded: Future[None] | None = None
        self._writer: pq.ParquetWriter | None = None
        self._size = 0
        self._rows: list[int] = []
        self._published: list[Path] = []
        self.shards: tuple[Shard, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._thread:
            if kind is not None:
                self._discard()
                return
            try:
                self._finish()
            except BaseException:
                self._discard()
                raise

    def write(self, table: pa.Table) -> None:
        """Add rows.

        Args:
            table: columns as in the schema; its memory must not be written to afterwards.

        Raises:
            DatasetError: the columns are not those of the schema.
            StorageError: the disk is full or not writable.
        """
        if table.schema != self._schema:
            raise DatasetError(
                f"rows of the split {self._split!r} do not fit its schema",
                expected=_types(self._schema),
                got=_types(table.schema),
            )
        self._pending.append(table)
        self._pending_rows += table.num_rows
        if self._pending_rows >= self._group_rows:
            self._write_groups()
        elif len(self._pending) > MAX_PENDING:
            self._pending = [_copied(pa.concat_tables(self._pending))]

    def _write_groups(self) -> None:
        table = pa.concat_tables(self._pending)
        whole = table.num_rows - table.num_rows % self._group_rows
        for start in range(0, whole, self._group_rows):
            self._write_group(table.slice(start, self._group_rows))
        self._pending_rows = table.num_rows - whole
        self._pending = [_copied(table.slice(whole))] if self._pending_rows else []

    def _write_group(self, group: pa.Table) -> None:
        group = group.combine_chunks()  # else pages end where the chunks of the input do
        self._wait()
        self._encoded = self._thread.submit(self._encode, group)

    def _wait(self) -> None:
        """Until the last row group is in its file; what failed there is raised here."""
        if self._encoded is not None:
            self._encoded.result()
            self._encoded = None

    def _encode(self, group: pa.Table) -> None:
        with storage_errors(self._folder):
            if self._writer is None:
                self._rows.append(0)
                path = self._temporary(len(self._rows) - 1)
                self._writer = _opened(path, self._schema, self._settings)
            self._writer.write_table(group, row_group_size=self._group_rows)
            self._rows[-1] += group.num_rows
            self._size += uncompressed_size(group)
            if self._size >= self._shard_size:
                self._end_shard()

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._size = 0
            with self._temporary(len(self._rows) - 1).open("rb") as file:
                os.fsync(file.fileno())

    def _finish(self) -> None:
        if self._pending_rows:
            self._write_group(pa.concat_tables(self._pending))
        self._pending = []
        self._wait()
        with storage_errors(self._folder):
            self._end_shard()
            for index, name in enumerate(self._names()):
                self._published.append(self._temporary(index).rename(self._folder / name))
        self.shards = tuple(Shard(name, rows) for name, rows in zip(self._names(), self._rows, strict=True))

    def _discard(self) -> None:
        self._pending = []
        self._thread.shutdown()  # nobody needs what it still writes, or why it could not
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._writer = None
        for path in [*map(self._temporary, range(len(self._rows))), *self._published]:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _names(self) -> list[str]:
        count = len(self._rows)
        return [f"{self._split}-{index:05d}-of-{count:05d}.parquet" for index in range(count)]

    def _temporary(self, index: int) -> Path:
        return self._folder / f".{self._split}-{index:05d}.partial"


def in_groups(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Tables cut anew, each of so many rows but for the last one, and in memory of its own."""
    pending: list[pa.Table] = []
    for table in tables:
        pending.append(table)
        while sum(map(len, pending)) >= rows:
            whole = pa.concat_tables(pending)
            yield _copied(whole.slice(0, rows))
            pending = [whole.slice(rows)]
    if sum(map(len, pending)):
        yield _copied(pa.concat_tables(pending))


def _opened(path: Path, schema: pa.Schema, settings: Mapping[str, Any]) -> pq.ParquetWriter:
    """A writer of a file that says how its pages are cut, where that is by content."""
    opened = pq.ParquetWriter(path, schema, **settings)
    if chunking := settings.get("use_content_defined_chunking"):
        opened.add_key_value_metadata({CHUNKING: json.dumps(chunking)})
    return opened


def _copied(table: pa.Table) -> pa.Table:
    """The rows in memory of their own.

    A slice keeps the arrays of the whole table that it was cut from; and small arrays that wait for their row
    group lie between larger ones that come and go, so that the heap grows with the number of episodes.
    """
    return pa.concat_tables(
        [table, table.slice(0, 0)]
    ).combine_chunks()  # of one chunk alone it copies nothing


def row_group_rows(schema: pa.Schema, most: int = ROW_GROUP_ROWS) -> int:
    """The rows of a row group: a power of two, about 16 MiB uncompressed, at most `most`.

    Large enough to compress well, small enough that a reader of one episode or of a stream need not fetch
    and hold much. It follows from the schema alone, where an image counts as 16 KiB.
    """
    bits = sum(_bits(field.type) for field in schema)
    fitting = max(1, ROW_GROUP_SIZE * 8 // bits)
    return min(most, 1 << (fitting.bit_length() - 1))


def row_bytes(schema: pa.Schema) -> float:
    """The bytes of a row before compression; an image counts as 16 KiB."""
    return sum(_bits(field.type) for field in schema) / 8


def shard_rows(schema: pa.Schema, packing: Packing = STANDARD) -> int | None:
    """The rows of a full shard, where they follow from the schema; None: values have sizes of their own."""
    if any(_varies(field.type) for field in schema):
        return None
    rows = row_group_rows(schema, packing.most_rows)
    size = int(rows * row_bytes(schema))
    return rows * max(1, math.ceil(packing.shard_size / size))


def _varies(kind: pa.DataType) -> bool:
    """Whether values of a type differ in size."""
    if pa.types.is_struct(kind):
        return any(_varies(field.type) for field in kind)
    return str(kind) in ASSUMED_SIZE


def uncompressed_size(table: pa.Table) -> int:
    """The bytes of a table's values: not of offsets or null masks, which vary with how it came about."""
    return sum(_measure(chunk) for column in table.columns for chunk in column.chunks) // 8


def _bits(kind: pa.DataType) -> int:
    """The bits of a value, assumed where its type does not tell them."""
    if pa.types.is_struct(kind):
        return sum(_bits(field.type) for field in kind)
    if isinstance(kind, pa.ExtensionType):  # ArrayXD of `datasets`
        item = kind.storage_type
        for _ in kind.shape:
            item = item.value_type
        return int(math.prod(kind.shape)) * _bits(item)
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _bits(kind.value_type)
    return 8 * ASSUMED_SIZE[str(kind)] if str(kind) in ASSUMED_SIZE else int(kind.bit_width)


def _measure(array: pa.Array) -> int:
    """The bits of an array's values."""
    if pa.types.is_struct(array.type):
        return sum(_measure(array.field(index)) for index in range(array.type.num_fields))
    if str(array.type) in ASSUMED_SIZE:
        return 8 * int(pc.sum(pc.binary_length(array)).as_py() or 0)
    return len(array) * _bits(array.type)


def _encodings(schema: pa.Schema) -> dict[str, list[str]]:
    """How each column is encoded, chosen by its type.

    Integers and text repeat, so a dictionary shortens them; floats hardly do. A float's bytes compress better
    when those of like significance lie together. The least and greatest PNG say nothing.
    """
    empty = BytesIO()
    pq.ParquetWriter(empty, schema).close()
    found = pq.read_metadata(empty).schema
    columns = [found.column(index) for index in range(len(found))]
    png = [
        column.path
        for column in columns
        if column.physical_type == "BYTE_ARRAY" and column.logical_type.type == "NONE"
    ]
    floats = [
        column.path
        for column in columns
        if column.physical_type in {"FLOAT", "DOUBLE"} or column.logical_type.type == "FLOAT16"
    ]
    return {
        "use_dictionary": [column.path for column in columns if column.path not in png + floats],
        "use_byte_stream_split": floats,
        "write_statistics": [column.path for column in columns if column.path not in png],
    }


def _types(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)


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
