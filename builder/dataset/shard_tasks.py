"""Files of a dataset as tasks: each can be written by any worker that sees the recorded files.

Whoever begins one makes a folder of its own for it, so that a task that is done twice, since a worker seemed
dead, is in nobody's way. Memory holds one recorded file and one row group at a time.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from builder.dataset.collation import Collation
from builder.dataset.column import Column, Rows
from builder.dataset.columns import tables_of
from builder.dataset.distinct import different
from builder.dataset.features import arrow_schema
from builder.dataset.ledger import Portion
from builder.dataset.schema import features
from builder.dataset.tables import PIECE_ROWS, to_table
from builder.dataset.tries import Encoded, Written, begun, episodes_file, rows_file, steps_file
from builder.dataset.within import count_beyond, refuse_outside
from builder.dataset.writer import (
    Packing,
    ShardWriter,
    in_groups,
    row_group_rows,
    storage_errors,
    uncompressed_size,
)
from builder.episodes.distinct import step_digests
from builder.episodes.recording import Recording, pieces
from builder.episodes.recording_file import read_recording
from builder.episodes.spaces import Array, Spaces
from builder.errors import DatasetError
from builder.experts.mixture import who_played
from builder.parallel.cancellation import cancelled
from builder.rollout.engine import Interrupted
from builder.storage.paths import AnyPath, local_copy
from builder.versions import data_format_of


@dataclass(frozen=True)
class Form:
    """How a table of a dataset is written.

    Attributes:
        columns: of the table.
        schema: the Arrow schema of the columns.
        packing: how rows are put into files.
        spaces: what was observed, and what was done.
    """

    columns: tuple[Column, ...]
    schema: pa.Schema
    packing: Packing
    spaces: Spaces

    @staticmethod
    def of(plan: Collation, name: str) -> Form:
        """Of a table, by its name."""
        columns = tables_of(plan.inputs, plan.optional)[name]
        schema = arrow_schema(features(columns, plan.spaces))
        packing = Packing(plan.shard_size, data_format=data_format_of(plan.inputs))
        return Form(columns, schema, packing, plan.spaces)

    def table(self, rows: Rows, some: slice = slice(None)) -> pa.Table:
        """Rows of the table."""
        return to_table(self.columns, rows, self.spaces, self.schema, some)


@dataclass(frozen=True)
class RowsTask:
    """Rows of a split that begin and end with a row group, and the episodes that begin in them.

    Attributes:
        plan: what is made of the recorded files.
        folder: where the worker makes its own.
        split: the name of the split.
        first: the number of the first file; of rows that are only encoded, their place among the others.
        start: the first row, counted in the split.
        stop: one past the last.
        portions: the episodes of these rows, in their order.
        compared: whether the steps will be compared with those of the other split.
    """

    plan: Collation
    folder: AnyPath
    split: str
    first: int
    start: int
    stop: int
    portions: tuple[Portion, ...]
    compared: bool = False

    def episodes(self) -> Iterator[Portion]:
        """Its portions, one after another."""
        yield from self.portions

    def tables(self, form: Form, beginning: _Beginning) -> Iterator[pa.Table]:
        """The rows, in pieces, while the episodes that begin in them are taken in."""
        for rows in _rows(self.episodes(), self.plan):
            inside = slice(max(0, self.start - rows.first_row), self.stop - rows.first_row)
            yield form.table(rows, inside)
            beginning.write(rows)


class ShardTask(RowsTask):
    """Whole files of steps, where it follows from lengths alone where they end."""

    def do(self) -> Written:
        """Write the files.

        Raises:
            DatasetError: a recorded file is damaged, or not the one that was played.
            SpaceError: an action is not of its space.
            StorageError: the disk is full or not writable.
        """
        return write_shards(self)


def write_shards(task: RowsTask) -> Written:
    """Write the files of some rows, where it follows from lengths alone where they end; see `ShardTask`."""
    form = Form.of(task.plan, "transitions")
    with begun(task.folder, task.split, task.first) as own:
        with (
            ShardWriter(own.here, task.split, schema=form.schema, packing=form.packing) as shards,
            _Beginning(task, own.here) as beginning,
        ):
            for table in task.tables(form, beginning):
                shards.write(table)
        return own.written(task.first, task.split, shards, beginning.beyond_bounds)


class EncodeTask(RowsTask):
    """Steps whose sizes are known once they are encoded: as PNG, or texts."""

    def do(self) -> Encoded:
        """Encode the rows.

        Raises:
            DatasetError: a recorded file is damaged, or not the one that was played.
            SpaceError: an action is not of its space.
            StorageError: the disk is full or not writable.
        """
        form = Form.of(self.plan, "transitions")
        rows, sizes = row_group_rows(form.schema, form.packing.most_rows), []
        with begun(self.folder, self.split, self.first) as own:
            with (
                storage_errors(own.here),
                pa.ipc.new_file(own.here / rows_file(self.split), form.schema) as file,
                _Beginning(self, own.here) as beginning,
            ):
                for group in in_groups(self.tables(form, beginning), rows):
                    file.write_table(group)
                    sizes.append(uncompressed_size(group))
            return Encoded(self.split, self.first, own.folder, tuple(sizes), beginning.beyond_bounds)


@dataclass(frozen=True)
class PackTask:
    """One file of steps that have been encoded.

    Attributes:
        plan: what is made of the recorded files.
        folder: where the worker makes its own.
        split: the name of the split.
        first: the number of the file.
        groups: its row groups in their order: the folder where each lies, and its place there.
    """

    plan: Collation
    folder: AnyPath
    split: str
    first: int
    groups: tuple[tuple[AnyPath, int], ...]

    def do(self) -> Written:
        """Write the file.

        Raises:
            StorageError: the disk is full or not writable.
        """
        form = Form.of(self.plan, "transitions")
        with begun(self.folder, self.split, self.first) as own:
            with ShardWriter(own.here, self.split, schema=form.schema, packing=form.packing) as shards:
                for table in _groups(self.groups, self.split, form.schema):
                    shards.write(table)
            return own.written(self.first, self.split, shards)


def _groups(groups: Sequence[tuple[AnyPath, int]], split: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """Row groups that have been encoded, in their order; of neighbours the file is opened once."""
    for folder, places in itertools.groupby(groups, key=lambda group: group[0]):
        with local_copy(folder / rows_file(split)) as rows, pa.ipc.open_file(rows) as file:
            for _, place in places:
                if cancelled():
                    raise Interrupted
                yield pa.Table.from_batches([file.get_batch(place)], schema)


class _Beginning:
    """The episodes that begin among the rows of a task: their table, and what is counted."""

    def __init__(self, task: RowsTask, folder: Path) -> None:
        self._task, self._folder = task, folder
        self._form = Form.of(task.plan, "episodes")
        self._file: pa.RecordBatchFileWriter | None = None
        self._steps: list[Array] = []
        self.beyond_bounds = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with storage_errors(self._folder):
            if self._file is not None:
                self._file.close()
            if self._steps:
                np.save(self._folder / steps_file(self._task.split), different(np.concatenate(self._steps)))

    def write(self, rows: Rows) -> None:
        """Take in those of some episodes that begin here."""
        task, starts = self._task, rows.first_row + rows.recording.starts
        here = (starts >= task.start) & (starts < task.stop)
        if not here.any():
            return
        recording = rows.recording.select(here)
        refuse_outside(recording, task.plan.spaces)
        self.beyond_bounds += count_beyond(task.plan.observation_space, recording)
        begun = Rows(recording, rows.episode_index[here], rows.policies[here], int(starts[here][0]))
        with storage_errors(self._folder):
            if self._file is None:
                path = self._folder / episodes_file(task.split)
                self._file = pa.ipc.new_file(path, self._form.schema)
            self._file.write_table(self._form.table(begun))
        if task.compared:
            self._steps.append(different(step_digests(recording)))


@dataclass(frozen=True)
class Pause:
    """Nothing to do for a moment, until it is known what comes next.

    Attributes:
        seconds: how long.
    """

    seconds: float = 0.05

    def do(self) -> None:
        """Let it pass."""
        time.sleep(self.seconds)


def _rows(portions: Iterable[Portion], plan: Collation) -> Iterator[Rows]:
    """The episodes of some portions, in pieces.

    Raises:
        DatasetError: a recorded file is damaged, or not the one that was played.
    """
    expert = plan.inputs.get("expert", {})
    for portion in portions:
        recording, policy = _recorded(portion)
        place, row = 0, portion.first_row
        for piece in pieces(recording, PIECE_ROWS):
            if cancelled():
                raise Interrupted
            stop = place + len(piece.attempts)
            policies = who_played(expert, piece.attempts, policy or plan.policy)
            yield Rows(piece, portion.ordinals[place:stop], policies, row)
            place, row = stop, row + len(piece.rewards)


def _recorded(portion: Portion) -> tuple[Recording, str]:
    """The recorded attempts of a portion, and who played them."""
    recording, header = read_recording(portion.path)
    recording = recording.select(np.isin(recording.attempts, portion.attempts))
    if not np.array_equal(recording.lengths, portion.lengths):
        raise DatasetError(f"{portion.path} is damaged: it does not hold the attempts that were played")
    return recording, header.policy
