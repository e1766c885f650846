"""A plain table, a row for each step: CSV, Parquet or JSON lines, by a mapping of its columns.

`from.columns={observation: [x, v], action: a, reward: r, episode: id}` says what ours are called there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.dataset.shards import check_parquet
from builder.episodes.spaces import Array, Spaces
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError, suggest
from builder.exchange.contract import Format, Incoming, Options, Trajectory
from builder.exchange.nested import from_lists
from builder.storage.limits import STEPS

if TYPE_CHECKING:
    import pyarrow as pa

VALUES = ("observation", "action", "next_observation", "reward")
FLAGS = ("terminated", "truncated", "ended")
MARKS = ("episode", "seed", "policy")
ROLES = (*VALUES, *FLAGS, *MARKS)
NEEDED = ("observation", "action", "episode")
BATCH_ROWS = 8_192

Rows = Mapping[str, Array]
"""By role: values [n, ...]."""


def read(path: Path, options: Options) -> Incoming:
    """Open a table.

    Raises:
        ConfigError: the mapping lacks a column that is needed, or names one of ours that there is not.
        DatasetError: the file is damaged, lacks a column, or holds something else than numbers.
    """
    mapping = _checked(options["columns"])
    if path.suffix not in _OPENED:
        raise DatasetError(f"{path} is no table", expected=" or ".join(_OPENED))
    first = next(_rows(path, mapping), None)
    if first is None:
        raise DatasetError(f"{path} has no row")
    unsaid = {
        "reward": "reward" not in mapping,
        "terminated": "terminated" not in mapping,
        "truncated": "truncated" not in mapping,
        "final_observation": "next_observation" not in mapping,
        "seed": "seed" not in mapping,
    }
    return Incoming(
        spaces=Spaces(*(unbounded(first[name].shape[1:], first[name].dtype) for name in NEEDED[:2])),
        trajectories=partial(_trajectories, path, mapping),
        files=(path,),
        unsaid=frozenset(name for name, lacking in unsaid.items() if lacking),
        ended="ended" in mapping,
    )


def _checked(columns: Mapping[str, Any]) -> dict[str, list[str]]:
    """By role the names of its columns.

    Raises:
        ConfigError: a role is unknown or missing, or its columns are no texts.
    """
    found: dict[str, list[str]] = {}
    for role, names in columns.items():
        if role not in ROLES:
            raise ConfigError(f"from.columns has no {role!r}", remedy=suggest(role, ROLES))
        found[role] = [names] if isinstance(names, str) else names
        if not isinstance(found[role], list) or not all(isinstance(name, str) for name in found[role]):
            raise ConfigError(f"from.columns.{role}", expected="a column's name, or a list of them")
    if missing := [role for role in NEEDED if not found.get(role)]:
        raise ConfigError(
            f"from.columns lacks {', '.join(missing)}",
            remedy="e.g. 'from.columns={observation: [x, v], action: a, episode: id}'",
        )
    return found


def _trajectories(path: Path, mapping: Mapping[str, list[str]]) -> Iterator[Trajectory]:
    """The episodes; the rows of one follow each other."""
    pieces: list[Rows] = []
    count, steps = 0, 0
    for rows in _rows(path, mapping):
        marks = rows["episode"]
        borders = [0, *(np.flatnonzero(marks[1:] != marks[:-1]) + 1).tolist(), len(marks)]
        for start, stop in itertools.pairwise(borders):
            piece = {role: values[start:stop] for role, values in rows.items()}
            if pieces and pieces[-1]["episode"][-1] != piece["episode"][0]:
                yield _trajectory(pieces, count, path)
                pieces, steps, count = [], 0, count + 1
            pieces.append(piece)
            steps += stop - start
            if steps > STEPS:
                raise DatasetError(f"{path}: an episode has more than {STEPS} steps")
    if pieces:
        yield _trajectory(pieces, count, path)


def _trajectory(pieces: Sequence[Rows], index: int, path: Path) -> Trajectory:
    rows = {role: np.concatenate([piece[role] for piece in pieces]) for role in pieces[0]}
    for role in FLAGS:
        if role in rows and rows[role][:-1].any():
            raise DatasetError(f"{path}: episode {index} goes on after {role}")
    observed, following = rows["observation"], rows.get("next_observation")
    if following is not None and not np.array_equal(following[:-1], observed[1:], equal_nan=True):
        raise DatasetError(f"{path}: in episode {index} a next observation is not the next row's")
    return Trajectory(
        observations=(observed,),
        actions=(rows["action"],),
        final=None if following is None else (following[-1],),
        rewards=rows["reward"].astype(np.float64) if "reward" in rows else None,
        terminated=bool(rows["terminated"][-1]) if "terminated" in rows else None,
        truncated=bool(rows["truncated"][-1]) if "truncated" in rows else None,
        ended=bool(rows["ended"][-1]) if "ended" in rows else None,
        seed=int(rows["seed"][0]) if "seed" in rows else None,
        index=index,
        policy=str(rows["policy"][0])[:500] if "policy" in rows else "",
    )


def _rows(path: Path, mapping: Mapping[str, list[str]]) -> Iterator[Rows]:
    """The rows of a file, a batch at a time.

    Raises:
        DatasetError: the file is damaged, or lacks a column.
    """
    with _batches(path, sorted({name for names in mapping.values() for name in names})) as batches:
        for batch in batches:
            if batch.num_rows:
                yield {role: _values(batch, role, names, path) for role, names in mapping.items()}


def _values(batch: pa.RecordBatch, role: str, names: Sequence[str], path: Path) -> Array:
    if missing := [name for name in names if name not in batch.schema.names]:
        raise DatasetError(
            f"{path} has no column {missing[0]!r}", remedy=suggest(missing[0], batch.schema.names)
        )
    if role in MARKS:
        return np.array(batch.column(names[0]).to_pylist(), object)
    parts = [from_lists(batch.column(name), f"{path}: {name}") for name in names]
    if role == "reward" or role in FLAGS or (len(parts) == 1 and (role == "action" or parts[0].ndim > 1)):
        return parts[0]
    flat = [part.reshape(len(part), -1) for part in parts]
    joined: Array = np.concatenate(flat, axis=1)
    return joined


@contextmanager
def _batches(path: Path, names: list[str]) -> Iterator[Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    try:
        yield _OPENED[path.suffix](path, names)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DatasetError(f"{path} cannot be read: {str(error)[:200]}") from error


def _parquet(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    check_parquet(path)
    with pq.ParquetFile(path) as file:
        known = [name for name in names if name in file.schema_arrow.names]
        yield from file.iter_batches(BATCH_ROWS, columns=known)


def _csv(path: Path, _names: list[str]) -> Iterator[pa.RecordBatch]:
    from pyarrow import csv

    with csv.open_csv(path, csv.ReadOptions(use_threads=False)) as file:
        yield from file


def _lines(path: Path, _names: list[str]) -> Iterator[pa.RecordBatch]:
    from pyarrow import json

    with json.open_json(path, json.ReadOptions(use_threads=False)) as file:
        yield from file


_OPENED = {".parquet": _parquet, ".csv": _csv, ".jsonl": _lines}
"""By the ending of a file's name."""

FORMAT = Format(
    name="table",
    about="a plain CSV, Parquet or JSON-lines table by a mapping of its columns; it is read only",
    suffix=".csv",
    write=None,
    read=read,
    import_options={"columns": {}},
)
