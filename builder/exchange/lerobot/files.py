"""`chunk-000/file-000.parquet` and so on: files of a size, of which each holds whole episodes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.writer import ROW_GROUP_ROWS, ROW_GROUP_SIZE, SETTINGS
from builder.versions import DATA_FORMAT

CHUNK_FILES = 1000
"""Of a folder."""


class Files:
    """Writes episodes one after the other; a context manager.

    Args:
        folder: that the chunks lie in.
        schema: of the rows.
        limit: unpacked bytes that a file holds at most, if it holds more than one episode.
    """

    def __init__(self, folder: Path, schema: pa.Schema, limit: int) -> None:
        self._folder, self._schema, self._limit = folder, schema, limit
        self._number, self._size = -1, 0
        self._pending: list[pa.Table] = []
        self._waiting_bytes = self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._pending = []
        self._end()

    def room_for(self, table: pa.Table) -> tuple[int, int]:
        """The number of the chunk, and of the file in it, that the rows of an episode go to."""
        if self._number < 0 or (self._size and self._size + table.nbytes > self._limit):
            self._end()
            self._number += 1
        return divmod(self._number, CHUNK_FILES)

    def add(self, table: pa.Table) -> tuple[int, int]:
        """The rows of one episode.

        Returns:
            Where they are: see `room_for`.
        """
        chunk, file = self.room_for(table)
        if self._writer is None:
            path = self._folder / f"chunk-{chunk:03d}" / f"file-{file:03d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, self._schema, **SETTINGS[DATA_FORMAT])
        size = table.nbytes
        self._size += size
        self._pending.append(table)
        self._waiting_bytes += size
        self._waiting_rows += len(table)
        if self._waiting_bytes >= ROW_GROUP_SIZE or self._waiting_rows >= ROW_GROUP_ROWS:
            self._write()
        return chunk, file

    def add_line(self, line: dict[str, Any]) -> None:
        """One row of a table of episodes, which says itself in which file it is."""
        table = pa.Table.from_pylist([line], schema=self._schema)
        chunk, file = self.room_for(table)
        line |= {"meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}
        self.add(pa.Table.from_pylist([line], schema=self._schema))

    def _write(self) -> None:
        if self._pending and self._writer is not None:
            # In one piece, else pages would end where episodes do.
            group = pa.concat_tables(self._pending).combine_chunks()
            self._writer.write_table(group, row_group_size=max(1, len(group)))
            self._pending, self._waiting_bytes, self._waiting_rows = [], 0, 0

    def _end(self) -> None:
        self._write()
        if self._writer is not None:
            self._writer.close()
        self._writer, self._size = None, 0
