"""Whole episodes in memory, for whoever needs the steps before or after one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from builder.dataset.columns import column_of
from builder.episodes.spaces import Array
from builder.loading.batches import Columns, Plain, PlainReader, Window
from builder.loading.selected import SelectedReader
from builder.loading.stacking import stack

OBSERVATION, NEXT = "observation", "next_observation"


@dataclass(frozen=True)
class Block:
    """Some episodes, every one of them whole.

    Attributes:
        columns: of the steps, [rows, ...], one episode after the other.
        lengths: int64 [episodes]: the steps of each.
        places: int64 [episodes]: which episodes of the split they are.
        finals: by the names of the leaves of `observation`, [episodes, ...]: what each ended in; empty: not
            asked for.
        frames: how many observations make one; 0: they are single.
    """

    columns: Columns
    lengths: Array
    places: Array
    finals: Columns
    frames: int = 0

    @property
    def rows(self) -> int:
        """How many steps."""
        return int(self.lengths.sum())

    @cached_property
    def episode(self) -> Array:
        """int64 [rows]: the episode of each step, counted here."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def step(self) -> Array:
        """int64 [rows]: the step within its episode."""
        steps: Array = np.arange(self.rows) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        return steps

    @cached_property
    def left(self) -> Array:
        """int64 [rows]: how many steps the episode has from this one on, itself included."""
        left: Array = np.repeat(self.lengths, self.lengths) - self.step
        return left

    @cached_property
    def _observed(self) -> Columns:
        """[rows + episodes, ...]: all observations of each episode, the final one after its last step."""
        last = np.cumsum(self.lengths + 1) - 1
        acted = np.ones(self.rows + len(self.lengths), bool)
        acted[last] = False
        found: Columns = {}
        for name, finals in self.finals.items():
            found[name] = np.empty((len(acted), *finals.shape[1:]), finals.dtype)
            found[name][acted], found[name][last] = self.columns[name], finals
        return found

    def take(self, name: str, rows: Array) -> Array:
        """Some rows of a column that was read."""
        values = self.columns[name]
        if self.frames and column_of(name) == OBSERVATION:
            return stack(values, self.step, self.frames, rows)
        return values[rows]

    def following(self, rows: Array, ahead: Array | int = 1) -> Columns:
        """What was observed some steps after the observation of each row; no further than the final one.

        Args:
            rows: int, of any shape.
            ahead: likewise, or one for all; at most `left`.

        Returns:
            By the names of the leaves of `next_observation`.
        """
        places = rows + self.episode[rows] + ahead
        found = {}
        for name, values in self._observed.items():
            picked = (
                stack(values, self._step_of_observed, self.frames, places) if self.frames else values[places]
            )
            found[f"next_{name}"] = picked
        return found

    @cached_property
    def _step_of_observed(self) -> Array:
        more = self.lengths + 1
        steps: Array = np.arange(more.sum()) - np.repeat(np.cumsum(more) - more, more)
        return steps


@dataclass(frozen=True)
class Episodes:
    """The episodes of a view.

    Attributes:
        places: int64 [episodes]: which ones of the split.
        lengths: int64 [episodes]: the steps of each.
        rows: int64 [steps]: which rows of the split are theirs, one episode after the other.
    """

    places: Array
    lengths: Array
    rows: Array


class BlockReader:
    """Reads whole episodes, some at a time, and gives what is made of them.

    Args:
        reader: of the split's steps.
        episodes: which are read.
        finals: gives the final observations of some episodes of the split.
        made: what a batch is taken from.
        frames: how many observations make one; 0: they are single.
        item_steps: how many steps one of a batch has.
    """

    def __init__(  # noqa: PLR0913  (all but the first four have a keyword)
        self,
        reader: PlainReader,
        episodes: Episodes,
        finals: Callable[[Array], Columns],
        made: Callable[[Block], Window],
        *,
        frames: int = 0,
        item_steps: int = 1,
    ) -> None:
        self.columns, self.row_bytes = reader.columns, reader.row_bytes
        self.item_bytes = reader.row_bytes * item_steps
        self._finals, self._made, self._frames = finals, made, frames
        begin = np.cumsum(episodes.lengths) - episodes.lengths
        cuts = np.flatnonzero(np.diff(begin // max([1, *reader.part_rows]))) + 1
        self._places, self._lengths = (np.split(part, cuts) for part in (episodes.places, episodes.lengths))
        self._steps = SelectedReader(reader, episodes.rows, begin[cuts])
        self.part_rows = self._steps.part_rows
        self._whole: Window | None = None

    def read(self, parts: Sequence[int]) -> Window:
        """Some parts, one after the other."""
        if not parts:
            return Plain({}, 0)
        if len(parts) < len(self.part_rows):
            return self._block(parts)
        if self._whole is None:
            self._whole = self._block(parts)
        return self._whole

    def _block(self, parts: Sequence[int]) -> Window:
        nothing = np.empty(0, np.int64)
        places, lengths = (
            np.concatenate([nothing, *(of_parts[part] for part in parts)])
            for of_parts in (self._places, self._lengths)
        )
        steps = self._steps.gather(parts)
        return self._made(Block(steps.columns, lengths, places, self._finals(places), self._frames))
