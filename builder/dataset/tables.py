"""Recorded episodes as the rows of the two tables, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from builder.dataset.column import Column, Rows
from builder.dataset.columns import null_for, tables_of
from builder.dataset.schema import column_from_arrow, plain_from_arrow, plain_to_arrow, to_arrow, with_nulls
from builder.episodes.declared import COLUMNS
from builder.episodes.recording import EXTRAS, Recording, episode_returns
from builder.episodes.spaces import Array, Spaces
from builder.errors import DatasetError

PIECE_ROWS = 32_768
"""About how many steps are turned into columns at a time, whatever a recorded file holds."""


def to_table(
    columns: Sequence[Column],
    rows: Rows,
    spaces: Spaces,
    schema: pa.Schema,
    some: slice = slice(None),
) -> pa.Table:
    """The rows of a table.

    Args:
        columns: of the table.
        rows: the episodes.
        spaces: what was observed, and what was done.
        schema: the Arrow schema of the columns.
        some: which of these rows; the others are not encoded.

    Raises:
        DatasetError: what a column is to hold was not recorded.
        SpaceError: the arrays are not of their spaces.
    """
    found: list[Any] = []
    for column in columns:
        arrays = tuple(array[some] for array in column.arrays(rows, spaces))
        space = column.space(spaces)
        values = arrays[:-1] if column.nullable else arrays
        whole = plain_to_arrow(values[0]) if space is None else to_arrow(space, values)
        found.append(with_nulls(whole, arrays[-1]) if column.nullable else whole)
    return pa.Table.from_arrays(found, schema=schema)


def table_arrays(columns: Iterable[Column], table: pa.Table, spaces: Spaces) -> dict[str, Array]:
    """The values of columns as a table has them, by the names of their leaves.

    Raises:
        DatasetError: a column is missing, or does not hold its values.
    """
    return {
        name: array
        for column in columns
        for name, array in zip(
            column.names(spaces), column_from_arrow(column, _found(table, column.name), spaces), strict=True
        )
    }


def to_rows(
    steps: pa.Table, episodes: pa.Table, spaces: Spaces, inputs: Mapping[str, Any] | None = None
) -> Rows:
    """Episodes back from the columns that hold them; zeros stand for what their source does not say.

    Those of a merged dataset are of one source: what that lacks is null, and not looked at.

    Args:
        steps: their rows of the table "transitions".
        episodes: their rows of the table "episodes".
        spaces: what was observed, and what was done.
        inputs: of the dataset's manifest.

    Raises:
        DatasetError: a column is missing or does not hold its values, or these are not the episodes' steps.
    """
    held: dict[str, Any] = {name: {} for name in EXTRAS}
    lacking: Collection[str] = ()
    if sources := null_for(inputs or {}):
        lacking = sources.get(_found(episodes, "source")[0].as_py(), ())
    stated = {(entry["table"], entry["name"]) for entry in (inputs or {}).get(COLUMNS, ())}
    here = [*steps.column_names, *episodes.column_names, *(name for _, name in stated)]
    known = tables_of(inputs or {}, here)
    for name, table in (("transitions", steps), ("episodes", episodes)):
        for column in known[name]:
            optional = column.key and (name, column.name) not in stated
            if column.holds is None or (optional and column.name not in table.column_names):
                continue
            if column.name in lacking:
                continue
            arrays = column_from_arrow(column, _found(table, column.name), spaces)
            if column.holds in EXTRAS:
                held[column.holds] |= dict(zip(column.names(spaces), arrays, strict=True))
            else:
                held[column.holds] = arrays[0] if column.space(spaces) is None else arrays
    held = _unknown(held, steps.num_rows, episodes.num_rows) | held
    recording = Recording(**held, returns=np.zeros(episodes.num_rows))
    returns = episode_returns(recording.rewards, recording.lengths)
    index, policies, starts = (
        plain_from_arrow(_found(episodes, name)) for name in ("episode_index", "policy", "row_start")
    )
    return Rows(dataclasses.replace(recording, returns=returns), index, policies, int(starts[0]))


def _unknown(held: Mapping[str, Any], rows: int, count: int) -> dict[str, Any]:
    """Zeros for every field that is not said."""
    return {
        "rewards": np.zeros(rows),
        "seeds": np.zeros(count, np.int64),
        "terminated": np.zeros(count, bool),
        "truncated": np.zeros(count, bool),
        "finals": tuple(np.zeros((count, *leaf.shape[1:]), leaf.dtype) for leaf in held["observations"]),
    }


def _found(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise DatasetError(f"the dataset has no column {name!r}")
    return table[name]
