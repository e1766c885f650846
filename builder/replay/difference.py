"""Where two things that should be the same are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from builder.episodes.spaces import Array


@dataclass(frozen=True)
class Difference:
    """The first place where a dataset is not what it should be.

    Attributes:
        what: what differs, where no column does.
        file: within the dataset folder.
        episode: `episode_index`.
        step: `step_index`; the one after the last stands for `final_observation`.
        column: of the table.
        expected: what should be there.
        got: what is there.
    """

    what: str = ""
    file: str | None = None
    episode: int | None = None
    step: int | None = None
    column: str | None = None
    expected: Any = None
    got: Any = None

    def __str__(self) -> str:
        places = [
            f"{name} {value}"
            for name, value in (
                ("file", self.file),
                ("episode", self.episode),
                ("step", self.step),
                ("column", self.column),
            )
            if value is not None
        ]
        return ", ".join([*places, *([self.what] if self.what else [])])


def first_difference(
    expected: Mapping[str, Array], got: Mapping[str, Array], *, file: str | None, episode: int
) -> Difference | None:
    """The first row, then the first column, in which two sets of columns differ by a single bit.

    Args:
        expected: arrays [rows, ...] by column.
        got: likewise, of the same dtypes; one side may have more rows.
        file: where `got` stands.
        episode: `episode_index`, for the answer.
    """
    found = []
    for order, (name, column) in enumerate(expected.items()):
        row = _first_row(column, got[name])
        if row is not None:
            found.append((row, order, name))
    if not found:
        return None
    row, _, name = min(found)
    return Difference(
        file=file,
        episode=episode,
        step=row,
        column=name,
        expected=shown(expected[name], row),
        got=shown(got[name], row),
    )


def _first_row(one: Array, other: Array) -> int | None:
    if one.dtype == other.dtype == object:  # texts
        return next((row for row, pair in enumerate(zip_longest(one, other)) if pair[0] != pair[1]), None)
    if one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes():
        return None
    common = min(len(one), len(other))
    if one.dtype != other.dtype or one.shape[1:] != other.shape[1:] or not common:
        return 0
    pair = (np.ascontiguousarray(side[:common]).view(np.uint8).reshape(common, -1) for side in (one, other))
    unequal = np.not_equal(*pair).any(axis=1)
    return int(np.argmax(unequal)) if unequal.any() else common


def shown(column: Array, row: int) -> str:
    """A row of a column for a message: every digit that tells it from its neighbours, but no long arrays."""
    if row >= len(column):
        return "no such step"
    text = " ".join(str(np.asarray(column[row]).tolist()).split())
    return text if len(text) <= 200 else f"{text[:200]}…"
