"""Where files end whose rows have sizes of their own: known once these are encoded."""

from __future__ import annotations

from collections.abc import Iterator

from builder.dataset.tries import Encoded, rows_file
from builder.storage.paths import AnyPath

Groups = tuple[tuple[AnyPath, int], ...]
"""Row groups that are encoded: the folder where each lies, and its place there."""


class Borders:
    """Where the files of a split end, found from the sizes of its row groups in their order.

    Args:
        size: uncompressed bytes at which a file is full.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: dict[int, Encoded] = {}
        self._following = self._files = self._bytes = 0
        self._groups: list[tuple[AnyPath, int]] = []
        self._left: dict[AnyPath, int] = {}
        self._packed: dict[int, Groups] = {}

    def add(self, encoded: Encoded) -> Iterator[tuple[int, Groups]]:
        """Take in row groups, in whatever order; the number and the groups of each file that is full."""
        self._waiting[encoded.first] = encoded
        while found := self._waiting.pop(self._following, None):
            self._following += 1
            self._left[found.folder] = len(found.sizes)
            for place, size in enumerate(found.sizes):
                self._groups.append((found.folder, place))
                self._bytes += size
                if self._bytes >= self._size:
                    yield self._file()

    def rest(self) -> Iterator[tuple[int, Groups]]:
        """The last file, once all have come."""
        if self._groups:
            yield self._file()

    def _file(self) -> tuple[int, Groups]:
        number, self._packed[self._files] = self._files, tuple(self._groups)
        self._files, self._bytes, self._groups = self._files + 1, 0, []
        return number, self._packed[number]

    def written(self, number: int, split: str) -> None:
        """Remove what is encoded and in a file now."""
        for folder, _ in self._packed.pop(number, ()):
            self._left[folder] -= 1
            if not self._left[folder]:
                (folder / rows_file(split)).unlink(missing_ok=True)
