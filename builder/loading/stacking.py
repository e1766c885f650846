"""Stacks of observations, rebuilt from the single ones that a dataset holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from builder.dataset.columns import column_of
from builder.episodes.recording import PIXELS
from builder.episodes.spaces import Array
from builder.loading.batches import Columns, Plain, PlainReader


def stack(values: Array, steps: Array, frames: int, rows: Array | None = None) -> Array:
    """The last observations of each step, oldest first, as `VecFrameStack` of Stable-Baselines3 has them.

    Args:
        values: one observation per row, [all rows, ...], episode after episode.
        steps: int [all rows]: the step of its episode that each row is.
        frames: how many observations; zeros stand for what was before the episode.
        rows: int [n]: the rows that are wanted; None: all.

    Returns:
        [n, frames, ...] in the dtype of the observations.
    """
    rows = np.arange(len(values)) if rows is None else np.asarray(rows)
    stacked = np.zeros((len(rows), frames, *values.shape[1:]), values.dtype)
    for age in range(frames):
        known = steps[rows] >= age
        stacked[known, frames - 1 - age] = values[rows[known] - age]
    return stacked


def stack_columns(columns: Columns, frames: int, rows: Array | None = None) -> Columns:
    """Rows of all columns; those of observations, and of pictures, come as stacks.

    Args:
        columns: of neighbouring steps, `step_index` among them, and `observation` if there is a
            `next_observation`.
        frames: of a stack.
        rows: int [n]: the rows that are wanted, whose earlier steps are in the columns too; None: all.
    """
    single = columns if rows is None else {name: values[rows] for name, values in columns.items()}
    stacked: Columns = {}
    for name, values in columns.items():
        if name.partition(".")[0] in ("observation", PIXELS):
            stacked[name] = stack(values, columns["step_index"], frames, rows)
    for name, values in single.items():
        if name.partition(".")[0] == "next_observation":
            before = stacked[name.removeprefix("next_")]
            stacked[name] = np.concatenate([before[:, 1:], values[:, None]], axis=1)
    return {name: stacked.get(name, values) for name, values in single.items()}


@dataclasses.dataclass(frozen=True)
class StackedWindow:
    """Steps in memory, each with those before it that its stack needs.

    Attributes:
        columns: single observations, and `step_index`.
        numbers: int [rows]: which of these rows are steps of the window.
        frames: of a stack.
        wanted: the columns that are given.
    """

    columns: Columns
    numbers: Array
    frames: int
    wanted: Sequence[str]

    @property
    def rows(self) -> int:
        """How many steps."""
        return len(self.numbers)

    def take(self, rows: Array) -> Columns:
        found = stack_columns(self.columns, self.frames, self.numbers[rows])
        return {name: values for name, values in found.items() if column_of(name) in self.wanted}


class StackedReader:
    """Reads single observations and stacks those of a batch: memory holds no stack but the batch's own.

    Args:
        open_reader: gives the reader of some columns as they are.
        frames: of a stack.
        columns: those that are wanted; None: all.
    """

    def __init__(
        self,
        open_reader: Callable[[Sequence[str] | None], PlainReader],
        frames: int,
        columns: Sequence[str] | None,
    ) -> None:
        asked = open_reader(columns)
        self._wanted, self._frames = asked.columns, frames
        self.columns = asked.columns
        needed = list(dict.fromkeys([*asked.columns, "observation", "step_index"]))
        self._single = open_reader(needed)
        self.part_rows, self.row_bytes = self._single.part_rows, self._single.row_bytes
        self.item_bytes = self.row_bytes

    def read(self, parts: Sequence[int]) -> StackedWindow:
        if len(parts) == len(self.part_rows):
            whole = self._single.read(parts)
            return self._window([whole], [np.arange(whole.rows)])
        pieces: list[Plain] = []
        numbers, at, last = [], 0, -1
        for part in parts:
            before = [] if part == last + 1 else self._before(part)
            pieces += [*before, self._single.read([part])]
            at += sum(piece.rows for piece in before)
            numbers.append(np.arange(at, at + pieces[-1].rows))
            at, last = at + pieces[-1].rows, part
        return self._window(pieces, numbers)

    def _window(self, pieces: Sequence[Plain], numbers: Sequence[Array]) -> StackedWindow:
        first = pieces[0].columns
        columns = (
            first
            if len(pieces) == 1
            else {name: np.concatenate([piece.columns[name] for piece in pieces]) for name in first}
        )
        return StackedWindow(columns, np.concatenate(numbers), self._frames, self._wanted)

    def _before(self, part: int) -> list[Plain]:
        """The steps before a part that the stacks of its first ones reach back to."""
        found: list[Plain] = []
        needed = self._frames - 1
        while needed and part:
            part -= 1
            whole = self._single.read([part])
            kept = min(needed, whole.rows)
            columns = {name: values[whole.rows - kept :].copy() for name, values in whole.columns.items()}
            found.insert(0, Plain(columns, kept))
            needed -= kept
        return found
