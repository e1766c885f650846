"""Some rows of a reader's, in any order: what the batches of a view are made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from builder.episodes.spaces import Array
from builder.loading.batches import Columns, Plain, PlainReader


class SelectedReader:
    """Reads some rows of another reader; only those are kept in memory.

    Of the other's parts, none is read that no wanted row lies in.

    Args:
        reader: of all rows.
        rows: int [n]: the wanted ones, by their number in all of its parts.
        cuts: int: before which of the n rows a part of this reader begins, but for the first; None: wherever
            the next row lies in another part than the one before.
    """

    def __init__(self, reader: PlainReader, rows: Array, cuts: Array | None = None) -> None:
        self._reader, self.columns, self.row_bytes = reader, reader.columns, reader.row_bytes
        self.item_bytes = reader.row_bytes
        self._ends = np.cumsum(reader.part_rows)
        if cuts is None:
            cuts = np.flatnonzero(np.diff(np.searchsorted(self._ends, rows, side="right"))) + 1
        self._rows = np.split(rows, cuts) if len(rows) else []
        self.part_rows = [len(part) for part in self._rows]
        self._whole: Plain | None = None

    def read(self, parts: Sequence[int]) -> Plain:
        if len(parts) < len(self.part_rows):
            return self.gather(parts)
        if self._whole is None:
            self._whole = self.gather(parts)
        return self._whole

    def gather(self, parts: Sequence[int]) -> Plain:
        """The rows of some parts, one after the other; each part of the other reader is read once."""
        rows = np.concatenate([np.empty(0, np.int64), *(self._rows[part] for part in parts)])
        source = np.searchsorted(self._ends, rows, side="right")
        order = np.argsort(source, kind="stable")
        joined: Columns = {}
        for places in np.split(order, np.flatnonzero(np.diff(source[order])) + 1) if len(rows) else ():
            part = int(source[places[0]])
            window = self._reader.read([part])
            within = _stretch(rows[places] - (int(self._ends[part]) - window.rows))
            for name, values in window.columns.items():
                if name not in joined:
                    joined[name] = np.empty((len(rows), *values.shape[1:]), values.dtype)
                joined[name][_stretch(places)] = values[within]
        return Plain(joined, len(rows))


def _stretch(rows: Array) -> Array | slice:
    """Rows as a slice where they follow each other: it is copied without being looked through."""
    first = int(rows[0])
    neighbours = int(rows[-1]) - first == len(rows) - 1 and bool(np.all(np.diff(rows) == 1))
    return slice(first, first + len(rows)) if neighbours else rows
