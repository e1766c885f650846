"""Some rows of a reader's, in any order: what the batches of a view are made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from builder.episodes.spaces import Array
from builder.loading.batches import Columns, Plain, PlainReader


class SelectedReader:
    """Reads some rows of another reader; only those are kept in memory.

    A part is a stretch of wanted rows that lie in one part of the other's; of each of these, nothing is read
    that no wanted row lies in.

    Args:
        reader: of all rows.
        rows: int [n]: the wanted ones, by their number in all of its parts.
    """

    def __init__(self, reader: PlainReader, rows: Array) -> None:
        self._reader, self.columns, self.row_bytes = reader, reader.columns, reader.row_bytes
        ends = np.cumsum(reader.part_rows)
        part = np.searchsorted(ends, rows, side="right")
        within = rows - (ends - reader.part_rows)[part]
        cuts = np.flatnonzero(np.diff(part)) + 1
        self._parts = [int(part[cut]) for cut in (0, *cuts) if len(rows)]
        self._within = np.split(within, cuts) if len(rows) else []
        self.part_rows = [len(stretch) for stretch in self._within]
        self._whole: Plain | None = None

    def read(self, parts: Sequence[int]) -> Plain:
        if len(parts) < len(self.part_rows):
            return self._joined(parts)
        if self._whole is None:
            self._whole = self._joined(parts)
        return self._whole

    def _joined(self, parts: Sequence[int]) -> Plain:
        """Some stretches, one after the other; each part of the other reader is read once."""
        ends = np.cumsum([self.part_rows[part] for part in parts])
        total = int(ends[-1]) if len(ends) else 0
        wanted: dict[int, list[int]] = {}
        for place, part in enumerate(parts):
            wanted.setdefault(self._parts[part], []).append(place)
        joined: Columns = {}
        for source, places in wanted.items():
            window = self._reader.read([source])
            for place in places:
                stretch = self._within[parts[place]]
                target = slice(int(ends[place]) - len(stretch), int(ends[place]))
                for name, values in window.take(stretch).items():
                    if name not in joined:
                        joined[name] = np.empty((total, *values.shape[1:]), values.dtype)
                    joined[name][target] = values
        return Plain(joined, total)
