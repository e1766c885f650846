"""Batches of steps for training: an epoch in the stored order, or shuffled by a seed.

Steps are read from the Parquet files themselves, in their exact dtypes. Where all of them fit into the memory
that they may take, they are read once and kept for the next epoch, and every order of them is equally likely.
Else row groups are drawn by chance, as many at a time as fit, and their steps are shuffled together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from builder.dataset.columns import column_of, known
from builder.dataset.schema import column_from_arrow
from builder.episodes.spaces import Array, Spaces, leaves
from builder.errors import ConfigError, DatasetError, suggest

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch

MEMORY = 2 * 2**30
"""Bytes that the steps in memory may take, unless the user says otherwise."""
GATHERED = 2**20
"""About how many bytes are gathered at a time, then cut into batches: what stays in a processor's cache."""
TEXT_BYTES = 64

Columns = dict[str, Array]


def leaf_columns(name: str, values: pa.ChunkedArray, spaces: Spaces, *, partial: bool = False) -> Columns:
    """A column as arrays [rows, ...]: one, or one per leaf of a Dict or Tuple space.

    Args:
        name: of the column.
        values: of it.
        spaces: what was observed, and what was done.
        partial: nulls may stand in rows that nobody takes; else, where the column has none, they are damage.
    """
    column = known(spaces).get(name)
    if column is None:
        return {name: values.to_numpy()}
    if partial and values.null_count and not column.nullable:
        *arrays, _ = column_from_arrow(dataclasses.replace(column, nullable=True), values, spaces)
        return dict(zip(column.names(spaces), arrays, strict=True))
    return dict(zip(column.names(spaces), column_from_arrow(column, values, spaces), strict=True))


class Window(Protocol):
    """Steps in memory."""

    @property
    def rows(self) -> int:
        """How many."""

    def take(self, rows: Array) -> Columns:
        """Some of them, by their number in this window."""


class Reader(Protocol):
    """Where steps come from: parts, each of which is read as a whole."""

    @property
    def columns(self) -> Sequence[str]:
        """What is given of a step."""

    @property
    def part_rows(self) -> Sequence[int]:
        """The steps of each part."""

    @property
    def row_bytes(self) -> int:
        """What a step takes in memory."""

    @property
    def item_bytes(self) -> int:
        """What one of a batch takes there."""

    def read(self, parts: Sequence[int]) -> Window:
        """Some parts, one after the other."""


@dataclass(frozen=True)
class Plain:
    """Steps as arrays of equal length."""

    columns: Columns
    rows: int

    def take(self, rows: Array) -> Columns:
        return {name: values[rows] for name, values in self.columns.items()}


class PlainReader(Reader, Protocol):
    """A reader of steps as they are stored."""

    def read(self, parts: Sequence[int]) -> Plain:
        """Some parts, one after the other."""


class ArrayReader:
    """Steps that are in memory anyway: one part.

    Args:
        arrays: every column, or its leaves.
        columns: which are wanted; None: all.
    """

    def __init__(self, arrays: Columns, columns: Sequence[str] | None) -> None:
        names = chosen(columns, list(dict.fromkeys(map(column_of, arrays))))
        self.columns = names
        self._columns = {name: values for name, values in arrays.items() if column_of(name) in names}
        self.part_rows = [len(next(iter(arrays.values())))]
        held = sum(values.nbytes for values in self._columns.values())
        self.row_bytes = self.item_bytes = held // max(1, self.part_rows[0])

    def read(self, parts: Sequence[int]) -> Plain:
        return Plain(self._columns, self.part_rows[0])


class ParquetReader:
    """Steps of a dataset folder, row group by row group.

    Args:
        folder: the dataset folder.
        paths: the files of one of its splits, in order.
        spaces: what was observed, and what was done.
        columns: which are read; None: all.
        partial: the columns in which nulls may stand, in rows that nobody takes.

    Raises:
        ConfigError: there is no such column.
        DatasetError: the files are missing or damaged.
    """

    def __init__(
        self,
        folder: Path,
        paths: Sequence[Path],
        spaces: Spaces,
        columns: Sequence[str] | None,
        *,
        partial: Collection[str] = (),
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._folder, self._spaces, self._partial = folder, spaces, partial
        self._whole: Plain | None = None
        try:
            metadata: list[pq.FileMetaData] = [pq.read_metadata(path) for path in paths]
            self._schema = pq.read_schema(paths[0])
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(f"{folder} cannot be read: {error}", remedy="build it again") from error
        self.columns = chosen(columns, self._schema.names)
        self._parts = [  # files are opened when they are read: there may be more than a process can hold open
            (path, found, group, found.row_group(group).num_rows)
            for path, found in zip(paths, metadata, strict=True)
            for group in range(found.num_row_groups)
        ]
        self.part_rows = [rows for *_, rows in self._parts]

    @cached_property
    def row_bytes(self) -> int:
        """What a step takes in memory."""
        total, columns = 0, known(self._spaces)
        for name in self.columns:
            if space := columns[name].space(self._spaces) if name in columns else None:
                total += sum(leaf.dtype.itemsize * int(np.prod(leaf.shape)) for leaf in leaves(space))
            else:
                total += _plain_bytes(self._schema.field(name).type)
        return total

    @property
    def item_bytes(self) -> int:
        """The same: a batch has single steps."""
        return self.row_bytes

    def read(self, parts: Sequence[int]) -> Plain:
        if len(parts) < len(self.part_rows):
            return self._joined(parts)
        if self._whole is None:
            self._whole = self._joined(parts)
        return self._whole

    def _joined(self, parts: Sequence[int]) -> Plain:
        total, at = sum(self.part_rows[part] for part in parts), 0
        joined: Columns = {}
        for part in parts:
            rows = slice(at, at + self.part_rows[part])
            for name, values in self._part(part).items():
                if name not in joined:
                    joined[name] = np.empty((total, *values.shape[1:]), values.dtype)
                joined[name][rows] = values
            at = rows.stop
        return Plain(joined, total)

    def _part(self, part: int) -> Columns:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path, metadata, group, _ = self._parts[part]
        try:
            with pq.ParquetFile(path, metadata=metadata, memory_map=True) as file:
                table = file.read_row_group(group, columns=self.columns)
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(f"{self._folder} is damaged: {error}", remedy="build it again") from error
        found: Columns = {}
        for name in self.columns:
            partial = name in self._partial
            found.update(leaf_columns(name, table[name], self._spaces, partial=partial))
        return found


def _plain_bytes(kind: pa.DataType) -> int:
    """What a value of no space takes in memory; of a text, which has no width of its own, about."""
    try:
        return -(-int(kind.bit_width) // 8)
    except ValueError:
        return TEXT_BYTES


def chosen(columns: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The columns that are wanted.

    Raises:
        ConfigError: there is no such column, or none is asked for.
    """
    if columns is None:
        return list(known)
    if not columns:
        raise ConfigError("batches need columns", expected="at least one column", got="none")
    for name in columns:
        if name not in known:
            raise ConfigError(f"the dataset has no column {name!r}", remedy=suggest(name, known))
    return list(columns)


def epoch(
    reader: Reader, size: int, *, seed: int | None, drop_last: bool, memory: int
) -> Iterator[dict[str, torch.Tensor]]:
    """All steps once, as batches: see `Trajectories.batches`.

    Raises:
        ConfigError: a size that is not positive.
    """
    if size < 1:
        raise ConfigError("steps of a batch", expected="at least 1", got=size)
    return _batches(reader, size, seed=seed, drop_last=drop_last, memory=memory)


def _batches(
    reader: Reader, size: int, *, seed: int | None, drop_last: bool, memory: int
) -> Iterator[dict[str, torch.Tensor]]:
    random = None if seed is None else np.random.default_rng(seed)
    gathered = size * max(1, GATHERED // max(1, size * reader.item_bytes))
    rest: Columns = {}
    for parts in _windows(reader, random, memory):
        window = reader.read(parts)
        order = np.arange(window.rows) if random is None else random.permutation(window.rows)
        at = 0
        while at < window.rows:
            until = at + gathered - _rows(rest)
            block = _after(rest, window.take(order[at:until]))
            whole = _rows(block) // size * size
            yield from _cut({name: values[:whole] for name, values in block.items()}, size)
            rest = {name: values[whole:].copy() for name, values in block.items()}
            at = until
        del window  # before the next one is read
    if not drop_last:
        yield from _cut(rest, size)


def _windows(reader: Reader, random: np.random.Generator | None, memory: int) -> Iterator[list[int]]:
    """The parts that are in memory together, one window after the other."""
    count, rows = len(reader.part_rows), reader.part_rows
    if sum(rows) * reader.row_bytes <= memory:
        yield list(range(count))
        return
    window: list[int] = []
    held = 0
    for part in range(count) if random is None else random.permutation(count).tolist():
        needed = rows[part] * reader.row_bytes
        if window and held + needed > memory:
            yield window
            window, held = [], 0
        window.append(part)
        held += needed
    yield window


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def _after(first: Columns, second: Columns) -> Columns:
    """Both, one after the other."""
    if not _rows(first):
        return second
    return {name: np.concatenate([first[name], values]) for name, values in second.items()}


def _cut(columns: Columns, size: int) -> Iterator[dict[str, torch.Tensor]]:
    """Batches that share the memory of the arrays, each its own part."""
    import torch

    if not _rows(columns):
        return
    names = list(columns)
    pieces = [torch.split(torch.from_numpy(values), size) for values in columns.values()]
    for batch in zip(*pieces, strict=True):
        yield dict(zip(names, batch, strict=True))
