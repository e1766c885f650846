"""The rows of a dataset folder, read from its Parquet files: no cache, no copy, one row group at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.column import Column, Rows
from builder.dataset.columns import every_table
from builder.dataset.partial import bring_group
from builder.dataset.shards import shards
from builder.dataset.tables import to_rows
from builder.episodes.declared import Declared
from builder.errors import DatasetError
from builder.manifest.manifest import Manifest


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode as the dataset holds it.

    Attributes:
        index: `episode_index`.
        file: where its first step stands, within the dataset folder.
        rows: what is recorded of it.
        tables: the columns of the tables that it is of, where more are known of than those of every dataset.
        declared: those of them that its build has declared.
    """

    index: int
    file: str
    rows: Rows
    tables: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    declared: tuple[Declared, ...] = ()


class RecordedSplit:
    """One split of a dataset folder.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        split: its name.

    Raises:
        DatasetError: a file is missing or damaged.
    """

    def __init__(self, folder: Path, manifest: Manifest, split: str) -> None:
        self.folder, self.split, self._manifest = folder, split, manifest
        self.spaces = manifest.spaces
        self.files = self.files_of("transitions")
        self._group: tuple[int, pa.Table] | None = None

    def files_of(self, table: str) -> list[Path]:
        """The files of this split that hold a table, in order."""
        return shards(self.folder, self._manifest, table, self.split)

    def schemas(self, table: str) -> Iterator[tuple[str, pa.Schema]]:
        """The files of a table, each by its name within the dataset folder, and their columns."""
        for path in self.files_of(table):
            try:
                yield path.relative_to(self.folder).as_posix(), pq.read_schema(path)
            except (pa.ArrowException, OSError) as error:
                raise self._damaged(error) from error

    @cached_property
    def episode_file(self) -> str:
        """The first file of the table "episodes"; it is small, and mostly the only one."""
        return self.files_of("episodes")[0].relative_to(self.folder).as_posix()

    @cached_property
    def episodes(self) -> pa.Table:
        """The whole table "episodes" of this split."""
        try:
            found = pa.concat_tables([pq.ParquetFile(path).read() for path in self.files_of("episodes")])
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        check_ranges(found, self.folder)
        return found

    @cached_property
    def _groups(self) -> list[tuple[Path, int]]:
        """The row groups of all files, in order."""
        return [
            (path, group)
            for path, file in zip(self.files, self._open, strict=True)
            for group in range(file.num_row_groups)
        ]

    @cached_property
    def _open(self) -> list[pq.ParquetFile]:
        try:
            return [pq.ParquetFile(path) for path in self.files]
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    @cached_property
    def _ends(self) -> list[int]:
        """One past the last row of each row group."""
        footers = [file.metadata for file in self._open]
        return list(
            accumulate(
                footer.row_group(group).num_rows
                for footer in footers
                for group in range(footer.num_row_groups)
            )
        )

    @property
    def rows(self) -> int:
        """How many steps the files hold."""
        return self._ends[-1] if self._ends else 0

    def file_of(self, row: int) -> str:
        """The file that holds a row, within the dataset folder."""
        group = min(bisect_right(self._ends, row), len(self._groups) - 1)
        return self._groups[group][0].relative_to(self.folder).as_posix() if self._groups else "data/"

    def steps(self, start: int, stop: int) -> pa.Table:
        """Rows `start` up to `stop` (exclusive) of the transitions.

        Raises:
            DatasetError: a file is damaged.
        """
        parts = []
        for number in range(bisect_right(self._ends, start), len(self._ends)):
            first = self._ends[number - 1] if number else 0
            if first >= stop:
                break
            table = self._read(number)
            low, high = max(start - first, 0), min(stop - first, table.num_rows)
            parts.append(table.slice(low, high - low))
        return pa.concat_tables(parts) if parts else self._open[0].schema_arrow.empty_table()

    def _read(self, number: int) -> pa.Table:
        if self._group is None or self._group[0] != number:
            path, group = self._groups[number]
            try:
                bring_group(path, group)
                self._group = number, self._open[self.files.index(path)].read_row_group(group)
            except (pa.ArrowException, OSError) as error:
                raise self._damaged(error) from error
        return self._group[1]

    def episode(self, position: int) -> RecordedEpisode:
        """The episode at a position of this split's table.

        Raises:
            DatasetError: a file is damaged, or does not hold what it should.
        """
        line = self.episodes.slice(position, 1)
        steps = self.steps(line["row_start"][0].as_py(), line["row_end"][0].as_py())
        rows = to_rows(steps, line, self.spaces, self._manifest.inputs)
        place = self.file_of(rows.first_row)
        tables = every_table(self._manifest.inputs)
        # What an imported dataset declares is what its source says, of whatever environment.
        own = () if "imported" in self._manifest.inputs else self.spaces.declared
        return RecordedEpisode(int(rows.episode_index[0]), place, rows, tables, own)

    def _damaged(self, error: Exception) -> DatasetError:
        return DatasetError(
            f"the split {self.split!r} of {self.folder} cannot be read: {error}",
            remedy="build or pull it again",
        )


def check_ranges(episodes: pa.Table, where: object) -> None:
    """Refuse episodes of which nothing says where their steps stand.

    Args:
        episodes: rows of the table "episodes".
        where: they come from, for the error.

    Raises:
        DatasetError: `row_start` or `row_end` is missing, null or no number.
    """
    for name in ("row_start", "row_end"):
        column = episodes[name] if name in episodes.column_names else None
        if column is None or column.null_count or not pa.types.is_integer(column.type):
            raise DatasetError(
                f"{where} does not say of each episode its {name}", remedy="build or pull it again"
            )
