"""Parquet files that stand in for others behind a URL: they have their footers, and the rows that are read.

Of files that are here nothing has to be brought: readers need not know which they have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq

from builder.dataset.pages import column_bytes
from builder.storage.remote_path import RemotePath
from builder.storage.stand_ins import AT_ONCE, bring, original, stand_in

FOOTER = 2**16
"""Bytes at the end of a file that hold most footers."""


def with_footer(path: Path, place: RemotePath, size: int) -> None:
    """Make a file that stands in for a Parquet file behind a URL, and has its footer.

    Args:
        path: the file.
        place: of the Parquet file.
        size: how large that is.

    Raises:
        FileNotFoundError: it is gone.
        StorageError: it cannot be reached, or `path` not be written.
    """
    stand_in(path, place, size)
    bring(path, size - FOOTER, size)
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        length = int.from_bytes(file.read(4), "little") + 8
    if length > FOOTER:
        bring(path, size - length, size)


def bring_group(path: Path, group: int, names: Collection[str] = ()) -> None:
    """Have a file hold a row group.

    Args:
        path: the file.
        group: the number of the row group.
        names: of the columns that will be read; none: all of them.

    Raises:
        OSError: it is gone.
        StorageError: it cannot be reached.
    """
    if original(path):
        bring(path, *_span(pq.read_metadata(path).row_group(group), names))


def bring_column(paths: Sequence[Path], name: str) -> None:
    """Have files hold all of a column.

    Raises:
        OSError, StorageError: as `bring_group`.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda part: bring(*part), _column(filter(original, paths), name)))


def _column(paths: Iterable[Path], name: str) -> Iterator[tuple[Path, int, int]]:
    """Where the parts of a column lie: files, and from where to where in them."""
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            yield path, *_span(metadata.row_group(group), [name])


def _span(group: pq.RowGroupMetaData, names: Collection[str]) -> tuple[int, int]:
    """From where to where columns of a row group lie, and what may be between them."""
    chunks = [group.column(index) for index in range(group.num_columns)]
    beginnings = tuple(f"{name}." for name in names)
    wanted = [chunk for chunk in chunks if not names or f"{chunk.path_in_schema}.".startswith(beginnings)]
    starts, stops = zip(*map(column_bytes, wanted), strict=True)
    return min(starts), max(stops)
