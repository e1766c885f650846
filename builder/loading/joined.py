"""The tables of several splits, one after the other, as those of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from builder.episodes.spaces import Array, describe
from builder.errors import ConfigError
from builder.loading.batches import Columns, Plain, PlainReader, chosen
from builder.loading.selected import SelectedReader
from builder.loading.split_tables import SplitTables, rows_of, runs, steps_of
from builder.manifest.manifest import Manifest, Split
from builder.manifest.reference import common_reference

if TYPE_CHECKING:
    import datasets

NUMBERED = ("episode_index", "row_start", "row_end")
"""What is counted anew, since every dataset counts from 0."""


@dataclass(frozen=True)
class Part:
    """Some episodes of a split.

    Attributes:
        tables: of the split.
        places: int: which episodes, by their position in its table.
    """

    tables: SplitTables
    places: Array

    @cached_property
    def lengths(self) -> Array:
        """int64: the steps of each episode."""
        lengths: Array = np.diff(self.tables.bounds)[self.places]
        return lengths

    @cached_property
    def rows(self) -> Array:
        """int64: the rows of the split that are their steps."""
        return steps_of(self.tables.bounds, self.places)

    @property
    def step_columns(self) -> list[str]:
        """The columns of the transitions that all of them have."""
        return self.tables.known_columns(self.places)

    def steps(self) -> pa.Table:
        """Their rows of the transitions."""
        bounds = self.tables.bounds
        return rows_of(self.tables.transitions, runs(bounds[self.places], bounds[self.places + 1]))

    def episodes(self) -> pa.Table:
        """Their rows of the episodes."""
        return rows_of(self.tables.episodes, runs(self.places, self.places + 1))


class JoinedTables(SplitTables):
    """Several splits in a row, of the columns that all of them have; episodes are numbered anew.

    Args:
        parts: which episodes of which splits.

    Raises:
        ConfigError: their spaces differ.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        first = parts[0].tables
        for part in parts[1:]:
            _check_spaces(first, part.tables)
        self._parts = parts
        self._lengths = np.concatenate([part.lengths for part in parts])
        super().__init__(first.folder, _manifest(parts, self._lengths), first.split, first.spaces)

    @property
    def where(self) -> str:
        """The folders, for a reader."""
        return " + ".join(part.tables.where for part in self._parts)

    @property
    def pictured(self) -> bool:
        """Whether the folder has a picture of all this."""
        return False

    @cached_property
    def bounds(self) -> Array:
        """int64 [episodes + 1]: where each episode begins, and at the end how many rows there are."""
        return np.concatenate([[0], np.cumsum(self._lengths)]).astype(np.int64)

    @cached_property
    def transitions(self) -> datasets.Dataset:
        """One row per step."""
        numbers = {"episode_index": self._episode_of_steps}
        tables = [part.steps() for part in self._parts]
        return _table(tables, self.step_columns(), numbers, self._parts[0].tables.transitions)

    @cached_property
    def episodes(self) -> datasets.Dataset:
        """One row per episode."""
        bounds, count = self.bounds, len(self._lengths)
        numbers = dict(zip(NUMBERED, (np.arange(count), bounds[:-1], bounds[1:]), strict=True))
        tables = [part.episodes() for part in self._parts]
        names = _common([table.column_names for table in tables])
        return _table(tables, names, numbers, self._parts[0].tables.episodes)

    @property
    def _episode_of_steps(self) -> Array:
        return np.repeat(np.arange(len(self._lengths)), self._lengths)

    def step_columns(self) -> list[str]:
        """The columns of the transitions that all parts have."""
        return _common([part.step_columns for part in self._parts])

    def has_finals(self, places: Array | None = None) -> bool:
        """Whether all of them say what each episode ended in."""
        return all(part.tables.has_finals(part.places) for part in self._parts)

    def of_episodes(self, *names: str) -> dict[str, Array]:
        """Plain columns of the episodes, of those that all parts have."""
        found = [part.tables.of_episodes(*names) for part in self._parts]
        return {
            name: np.concatenate(
                [columns[name][part.places] for columns, part in zip(found, self._parts, strict=True)]
            )
            for name in names
            if all(name in columns for columns in found)
        }

    def reader(self, columns: Sequence[str] | None) -> PlainReader:
        """What reads the steps for batches."""
        wanted = chosen(columns, self.step_columns())
        readers = [SelectedReader(part.tables.reader(wanted), part.rows) for part in self._parts]
        return JoinedReader(readers, self._episode_of_steps)

    def check_exportable(self) -> None:
        """Refuse: a file of another library says of one dataset where it is from.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("joined datasets cannot be exported or filmed", remedy="take each of them")


class JoinedReader:
    """The parts of several readers, one after the other.

    Args:
        readers: of the same columns.
        episode_index: int64 [all rows]: the episode of each.
    """

    def __init__(self, readers: Sequence[PlainReader], episode_index: Array) -> None:
        self.columns = readers[0].columns
        self.row_bytes = self.item_bytes = readers[0].row_bytes
        self._sources = [(reader, part) for reader in readers for part in range(len(reader.part_rows))]
        self.part_rows = [rows for reader in readers for rows in reader.part_rows]
        self._numbers = np.split(episode_index, np.cumsum(self.part_rows)[:-1])

    def read(self, parts: Sequence[int]) -> Plain:
        """Some parts, one after the other."""
        pieces: list[Columns] = []
        for part in parts:
            reader, within = self._sources[part]
            columns = dict(reader.read([within]).columns)
            if "episode_index" in columns:
                columns["episode_index"] = self._numbers[part]
            pieces.append(columns)
        names = pieces[0] if pieces else {}
        joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in names}
        return Plain(joined, sum(self.part_rows[part] for part in parts))


def _check_spaces(first: SplitTables, other: SplitTables) -> None:
    for mine, theirs, name in zip(first.spaces, other.spaces, ("observation", "action"), strict=True):
        if describe(mine) != describe(theirs):
            raise ConfigError(
                f"{first.where} and {other.where} cannot be joined: their {name} spaces differ",
                expected=mine,
                got=theirs,
            )


def _common(names: Sequence[Sequence[str]]) -> list[str]:
    return [name for name in names[0] if all(name in others for others in names[1:])]


def _manifest(parts: Sequence[Part], lengths: Array) -> Manifest:
    """What is known of all parts: the environment where it is one, and who played."""
    manifests = [part.tables.manifest for part in parts]
    environments = [manifest.inputs.get("environment") for manifest in manifests]
    inputs: dict[str, Any] = {}
    if environments[0] and all(environment == environments[0] for environment in environments):
        inputs["environment"] = environments[0]
    if names := dict.fromkeys(
        str(manifest.inputs.get("expert", {}).get("name") or "") for manifest in manifests
    ):
        inputs["expert"] = {"name": ", ".join(filter(None, names))}
    return Manifest(
        inputs=inputs,
        identity="",
        observation_space=manifests[0].observation_space,
        action_space=manifests[0].action_space,
        attempts=len(lengths),
        accepted=len(lengths),
        splits={parts[0].tables.split: Split(len(lengths), int(lengths.sum()))},
        files={},
        fingerprint="",
        reference=common_reference(manifests),
    )


def _table(
    tables: Sequence[pa.Table], names: Sequence[str], numbers: dict[str, Array], like: datasets.Dataset
) -> datasets.Dataset:
    """Tables in a row, with some columns in the place of their own."""
    import datasets

    try:
        joined = pa.concat_tables([table.select(names).replace_schema_metadata(None) for table in tables])
    except pa.ArrowException as error:
        raise ConfigError(f"the datasets cannot be joined: {str(error).partition(chr(10))[0]}") from error
    for name, values in numbers.items():
        if name in joined.column_names:
            place = joined.column_names.index(name)
            joined = joined.set_column(place, name, pa.array(values, pa.int64()))
    features = datasets.Features({name: like.features[name] for name in names})
    info = datasets.DatasetInfo(features=features)
    return datasets.Dataset(datasets.table.InMemoryTable(joined), info=info)
