"""The two tables of a split, opened when they are first asked for; all views of the split share them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.columns import SAID, TRANSITIONS, null_for, unsaid
from builder.dataset.schema import from_arrow
from builder.dataset.shards import shards
from builder.episodes.episode import Episode
from builder.episodes.spaces import Array, Spaces, assemble
from builder.errors import DatasetError
from builder.loading.batches import Columns, ParquetReader, PlainReader
from builder.loading.parquet_tables import read_table
from builder.manifest.manifest import Manifest

if TYPE_CHECKING:
    import datasets

Run = tuple[int, int]
"""Neighbouring rows: the first, and one past the last."""
FINAL = "final_observation"
OBSERVATION = next(column for column in TRANSITIONS if column.name == "observation")
PER_STEP = ("reward", "terminated", "truncated")
PER_EPISODE = ("seed", "attempt_index", "policy")


class SplitTables:
    """One split of a dataset folder.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        split: one of the manifest's.
        spaces: what was observed, and what was done.
    """

    def __init__(self, folder: Path, manifest: Manifest, split: str, spaces: Spaces) -> None:
        self.folder, self.manifest, self.split, self.spaces = folder, manifest, split, spaces

    @property
    def where(self) -> str:
        """The folder, for a reader."""
        return str(self.folder)

    @property
    def pictured(self) -> bool:
        """Whether the folder has a picture of all this."""
        return True

    @property
    def count(self) -> int:
        """How many episodes the split holds, as its manifest says."""
        return self.manifest.splits[self.split].episodes

    @cached_property
    def transitions(self) -> datasets.Dataset:
        """One row per step."""
        return read_table(self.folder, self._shards("transitions"), "transitions", self.spaces)

    @cached_property
    def episodes(self) -> datasets.Dataset:
        """One row per episode."""
        return read_table(self.folder, self._shards("episodes"), "episodes", self.spaces)

    @cached_property
    def bounds(self) -> Array:
        """int64 [episodes + 1]: where each episode begins, and at the end how many rows there are.

        Raises:
            DatasetError: the episodes do not follow each other, row after row.
        """
        table = self.episodes.data.table
        starts, ends = (table[name].to_numpy() for name in ("row_start", "row_end"))
        bounds = np.concatenate([starts[:1], ends]).astype(np.int64)
        rows = self.manifest.splits[self.split].rows
        wrong = len(ends) != self.count or (len(ends) and (bounds[0] != 0 or bounds[-1] != rows))
        if wrong or np.any(starts[1:] != ends[:-1]) or np.any(np.diff(bounds) < 1):
            raise DatasetError(
                f"the episodes of {self.folder} are not those of its steps",
                expected=f"{self.count} episodes, one after the other, of {rows} rows",
                remedy="build or pull it again",
            )
        return bounds

    def lacking(self, places: Array | None = None) -> frozenset[str]:
        """What the sources of some episodes of a merged dataset do not say; of others, there is nothing such.

        Optional columns are not among it: of these, an array says where they are null.

        Args:
            places: which episodes, by their position in the table; None: all.
        """
        known = {name: found & SAID for name, found in null_for(self.manifest.inputs).items()}
        if not any(known.values()):
            return frozenset()
        sources = self._sources if places is None else self._sources[places]
        return frozenset().union(*(known.get(name, frozenset()) for name in {*sources.tolist()}))

    @cached_property
    def _sources(self) -> Array:
        """Str [episodes]: the dataset that each episode of a merged one comes from."""
        return self.of_episodes("source")["source"]

    def known_columns(self, places: Array | None = None) -> list[str]:
        """The columns of the transitions that all of some episodes have."""
        lacking = self.lacking(places)
        return [name for name in self.step_columns() if name not in lacking]

    def step_columns(self) -> list[str]:
        """The columns of the transitions, from the footer of a file.

        Raises:
            DatasetError: it is missing or damaged.
        """
        path = shards(self.folder, self.manifest, "transitions", self.split)[0]
        return list(pq.read_schema(path).names)

    def has_finals(self, places: Array | None = None) -> bool:
        """Whether it is known what each of some episodes ended in.

        Args:
            places: which ones, by their position in the table; None: all.

        Raises:
            DatasetError: a file is missing or damaged.
        """
        path = shards(self.folder, self.manifest, "episodes", self.split)[0]
        return FINAL in pq.read_schema(path).names and FINAL not in self.lacking(places)

    def finals(self, places: Array) -> Columns:
        """What some episodes ended in, [episodes, ...], by the names of the leaves of `observation`."""
        column = rows_of(self.episodes, runs(places, places + 1))[FINAL]
        return dict(zip(OBSERVATION.names(self.spaces), from_arrow(self.spaces[0], column), strict=True))

    def of_episodes(self, *names: str) -> dict[str, Array]:
        """Plain columns of the episodes, of those that are there; no others are read.

        Raises:
            DatasetError: a file is missing or damaged.
        """
        try:
            files = [pq.ParquetFile(path) for path in self._shards("episodes")]
            table = pa.concat_tables([file.read(list(names)) for file in files])
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(f"{self.folder} cannot be read: {error}", remedy="build it again") from error
        return {name: table[name].to_numpy() for name in names if name in table.column_names}

    def check_exportable(self) -> None:
        """Refuse what other libraries' formats cannot be told of.

        Raises:
            ConfigError: this is not one dataset of ours.
        """

    def reader(self, columns: Sequence[str] | None) -> PlainReader:
        """What reads the steps for batches."""
        paths, partial = self._shards("transitions"), unsaid(self.manifest.inputs)
        return ParquetReader(self.folder, paths, self.spaces, columns, partial=partial)

    def episode(self, position: int) -> Episode:
        """The episode at a position of the table: see `Trajectories.episode`."""
        start, stop = (int(row) for row in self.bounds[position : position + 2])
        rows = self.transitions.data.fast_slice(start, stop - start)  # does not search all chunks
        line = self.episodes.data.fast_slice(position, 1)
        observed, done = self.spaces
        observations = from_arrow(observed, rows["observation"])
        finals: tuple[Array, ...] = tuple(map(unknown_like, observations))
        if FINAL in line.column_names and not line[FINAL].null_count:
            finals = from_arrow(observed, line[FINAL])
        joined = [np.concatenate(pair) for pair in zip(observations, finals, strict=True)]
        said = [name for name in PER_STEP if name in rows.column_names and not rows[name].null_count]
        steps = {name: rows[name].to_numpy() for name in said}
        found = {name: line[name][0].as_py() for name in PER_EPISODE if name in line.column_names}
        known = {name: value for name, value in found.items() if value is not None}
        unknown = np.zeros(len(rows), bool)
        return Episode(
            observations=assemble(observed, joined),
            actions=assemble(done, from_arrow(done, rows["action"])),
            rewards=steps.get("reward", np.full(len(rows), np.nan)),
            terminations=steps.get("terminated", unknown),
            truncations=steps.get("truncated", unknown),
            seed=int(known.get("seed", 0)),
            index=int(known.get("attempt_index", position)),
            policy=str(known.get("policy", "")),
            environment=str(self.manifest.inputs.get("environment", {}).get("id", "")),
        )

    def _shards(self, table: str) -> list[Path]:
        return shards(self.folder, self.manifest, table, self.split, hashed=True)


def runs(starts: Array, ends: Array) -> list[Run]:
    """Stretches of rows, in their order; those that follow each other are joined."""
    if not len(starts):
        return []
    cuts = np.flatnonzero(starts[1:] != ends[:-1]) + 1
    firsts = np.concatenate([[0], cuts])
    lasts = np.concatenate([cuts - 1, [len(starts) - 1]])
    return [(int(starts[a]), int(ends[b])) for a, b in zip(firsts, lasts, strict=True)]


def steps_of(bounds: Array, places: Array) -> Array:
    """int64: the rows of some episodes, one episode after the other.

    Args:
        bounds: where each episode begins, and at the end how many rows there are.
        places: which episodes.
    """
    starts, lengths = bounds[places], np.diff(bounds)[places]
    firsts = np.cumsum(lengths) - lengths
    rows: Array = np.arange(lengths.sum()) + np.repeat(starts - firsts, lengths)
    return rows


def rows_of(table: datasets.Dataset, wanted: Sequence[Run]) -> pa.Table:
    """Some rows of a memory-mapped table; nothing is copied."""
    whole = table.data
    if list(wanted) == [(0, len(whole))]:
        return whole.table
    pieces = [whole.fast_slice(start, stop - start) for start, stop in wanted]
    return pa.concat_tables(pieces) if pieces else whole.table.slice(0, 0)


def unknown_like(observations: Array) -> Array:
    """One observation, [1, ...], that says that none is known."""
    kind = observations.dtype
    least = np.nan if kind.kind == "f" else False if kind.kind == "b" else np.iinfo(kind).min
    return np.full_like(observations[:1], least)
