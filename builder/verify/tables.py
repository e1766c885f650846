"""The tables of a dataset against each other and against what the manifest says of them.

Each column is held against the table of columns: its type, and, where it follows from others, its values,
which are computed again by the function that wrote them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from builder.dataset.column import Rows
from builder.dataset.columns import (
    EPISODES,
    TABLES,
    TRANSITIONS,
    arrays_by_name,
    asked_for,
    null_for,
    tables_of,
)
from builder.dataset.distinct import Alike, count_alike
from builder.dataset.features import arrow_schema
from builder.dataset.schema import features
from builder.dataset.tables import table_arrays, to_rows
from builder.dataset.within import count_beyond, first_outside
from builder.episodes.acceptance import Acceptance
from builder.episodes.seeding import attempt_seed
from builder.episodes.spaces import Array, leaves
from builder.errors import DatasetError
from builder.experts.mixture import who_played
from builder.manifest.manifest import Manifest
from builder.replay import Difference, RecordedSplit
from builder.replay.difference import first_difference
from builder.verify.checks import Check

EPISODES_AT_A_TIME, BYTES_AT_A_TIME = 64, 256 * 10**6
COMPUTED = tuple(column for column in TRANSITIONS if column.holds is None)
"""What of a step follows from other columns."""


def check_tables(folder: Path, manifest: Manifest) -> Check:
    """Columns and their types, order, and all that follows from other columns or from the manifest."""
    rows = sum(split.rows for split in manifest.splits.values())
    episodes = sum(split.episodes for split in manifest.splits.values())
    compared = (
        f"{episodes:,} episodes, {rows:,} steps: types, order, seeds, returns, flags, next observations,"
        " actions of their space"
    )
    found = _differences(folder, manifest)
    try:
        return Check("tables", compared, next(found, None))
    except DatasetError as error:
        return Check("tables", compared, Difference(what=str(error)))


def _differences(folder: Path, manifest: Manifest) -> Iterator[Difference]:
    alike, beyond = {name: Alike() for name in manifest.splits}, list[int]()
    splits = {name: RecordedSplit(folder, manifest, name) for name in sorted(manifest.splits)}
    for name, split in splits.items():
        yield from _split(split, manifest, alike[name], beyond)
    yield from _totals(splits.values(), manifest)
    yield from _rejected(manifest)
    if manifest.distinct is not None and sum(beyond) != manifest.beyond_bounds:
        what = "how many observations are beyond their bounds"
        yield Difference(what=what, expected=sum(beyond), got=manifest.beyond_bounds)
    if manifest.distinct is not None:
        yield from _copies(manifest, alike)


def _totals(splits: Collection[RecordedSplit], manifest: Manifest) -> Iterator[Difference]:
    """Whether as many attempts were played and accepted as is said."""
    accepted = sum(split.episodes.num_rows for split in splits)
    last = [split.episodes["attempt_index"][-1].as_py() for split in splits]
    attempts = accepted if "merged" in manifest.inputs else max(last) + 1
    got = {"accepted": accepted, "attempts": attempts}
    for name, number in got.items():
        if getattr(manifest, name) != number:
            yield Difference(what=f"the number {name!r}", expected=number, got=getattr(manifest, name))


def _rejected(manifest: Manifest) -> Iterator[Difference]:
    """Whether attempts that are said to be rejected for their returns are, and no more than were."""
    rejected, config = manifest.rejected, manifest.inputs.get("config")
    if rejected is None:
        return
    returns = np.array(rejected.returns)
    accepted = Acceptance.of(config).accepts(returns) if config else np.zeros(len(returns), bool)
    if accepted.any():
        yield Difference(
            what="the return of a rejected attempt",
            expected="one that is not accepted",
            got=f"{returns[accepted][0]:g}",
        )
    most = manifest.attempts - manifest.accepted - manifest.failed
    if not len(returns) <= rejected.count <= most or (np.diff(returns) < 0).any():
        yield Difference(
            what="the number of rejected returns", expected=f"at most {most}, in order", got=rejected.count
        )


def _copies(manifest: Manifest, alike: Mapping[str, Alike]) -> Iterator[Difference]:
    """Whether copies are on one side, and as many as is said."""
    planned = "imported" not in manifest.inputs and "merged" not in manifest.inputs
    got = count_alike(alike, _every(manifest), planned=planned)
    if got.misplaced is not None:
        yield Difference(
            what="the split of an episode", episode=got.misplaced, expected="that of the first of its copies"
        )
    if got.distinct != manifest.distinct:
        yield Difference(what="how many episodes are distinct", expected=got.distinct, got=manifest.distinct)


def _split(split: RecordedSplit, manifest: Manifest, alike: Alike, beyond: list[int]) -> Iterator[Difference]:
    yield from _types(split, manifest)
    name = split.split
    stated = manifest.splits[name]
    for what, expected, got in (
        ("episodes", stated.episodes, split.episodes.num_rows),
        ("steps", stated.rows, split.rows),
    ):
        if expected != got:
            yield Difference(what=f"the number of {what} in the split {name!r}", expected=expected, got=got)
            return
    yield from _bounds(split)
    if "merged" not in manifest.inputs:  # whose parts each count their attempts
        yield from _order(split)
    if (config := manifest.inputs.get("config")) and "own" not in manifest.inputs:
        yield from _returns_within(split, config)
    count = _at_a_time(split, stated.rows / max(1, stated.episodes))
    for positions in _pieces(split, manifest, count):
        yield from _values(split, manifest, positions, alike, beyond)


def _pieces(split: RecordedSplit, manifest: Manifest, most: int) -> Iterator[slice]:
    """The episodes, so many at a time; of a merged dataset, those of one source."""
    count = split.episodes.num_rows
    ends = [count]
    if "merged" in manifest.inputs:
        sources = split.episodes["source"].to_numpy(zero_copy_only=False)
        ends = [*(np.flatnonzero(sources[1:] != sources[:-1]) + 1).tolist(), count]
    start = 0
    for end in ends:
        for first in range(start, end, most):
            yield slice(first, min(first + most, end))
        start = end


def _at_a_time(split: RecordedSplit, steps: float) -> int:
    """How many episodes of so many steps are looked at together: images are large."""
    spaces = [space for space in (*split.spaces, split.spaces.shown) if space is not None]
    step = sum(leaf.dtype.itemsize * math.prod(leaf.shape) for space in spaces for leaf in leaves(space))
    return max(1, min(EPISODES_AT_A_TIME, int(BYTES_AT_A_TIME / (step * max(1.0, steps)))))


def _types(split: RecordedSplit, manifest: Manifest) -> Iterator[Difference]:
    """The columns of every file; which optional ones there should be is known where the inputs are."""
    import datasets  # noqa: F401  (makes the Arrow types of its arrays known, before a file is read)

    for table in TABLES:
        for path, got in split.schemas(table):
            optional = asked_for(manifest.inputs) if manifest.inputs else got.names
            columns = tables_of(manifest.inputs, optional)[table]
            expected = arrow_schema(features(columns, split.spaces))
            for one, other in zip_longest(expected, got):
                if one is None or other is None or not one.equals(other):
                    wanted, there = (f"{side.name}: {side.type}" if side else "none" for side in (one, other))
                    yield Difference(what="its columns", file=path, expected=wanted, got=there)
            if more := sorted({*(got.metadata or {})} - {*(expected.metadata or {})}):
                yield Difference(what="its metadata", file=path, expected="none but ours", got=str(more[0]))


def _bounds(split: RecordedSplit) -> Iterator[Difference]:
    """The episodes one after the other, without a gap, up to the last step."""
    columns = [column for column in EPISODES if column.name in ("length", "row_start", "row_end")]
    got = table_arrays(columns, split.episodes, split.spaces)
    ends = np.cumsum(got["length"])
    expected = {
        "length": np.maximum(got["row_end"] - got["row_start"], 1),
        "row_start": ends - got["length"],
        "row_end": ends,
    }
    yield from _in_episodes(split, 0, expected, got)
    if ends[-1] != split.rows:
        yield Difference(
            what=f"the steps of all episodes of {split.split!r}", expected=split.rows, got=ends[-1]
        )


def _order(split: RecordedSplit) -> Iterator[Difference]:
    attempts = split.episodes["attempt_index"].to_numpy()
    backwards = np.flatnonzero(np.diff(attempts) <= 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        yield Difference(
            file=split.episode_file,
            episode=split.episodes["episode_index"][row].as_py(),
            column="attempt_index",
            expected=f"more than {attempts[row - 1]}",
            got=int(attempts[row]),
        )


def _returns_within(split: RecordedSplit, config: dict[str, Any]) -> Iterator[Difference]:
    acceptance = Acceptance.of(config)
    returns = split.episodes["episode_return"].to_numpy()
    outside = np.flatnonzero(~acceptance.accepts(returns))
    if len(outside):
        row = int(outside[0])
        yield Difference(
            file=split.episode_file,
            episode=split.episodes["episode_index"][row].as_py(),
            column="episode_return",
            expected=f"{acceptance.low:g} to {acceptance.high:g}",
            got=float(returns[row]),
        )


def _values(
    split: RecordedSplit, manifest: Manifest, positions: slice, alike: Alike, beyond: list[int]
) -> Iterator[Difference]:
    """The values of a few episodes and of their steps, computed from the columns that hold them."""
    episodes = split.episodes[positions]
    steps = split.steps(episodes["row_start"][0].as_py(), episodes["row_end"][-1].as_py())
    imported = "imported" in manifest.inputs or "merged" in manifest.inputs
    lacking = _lacking(episodes, manifest)
    yield from _nulls(split, manifest, steps, episodes, lacking)
    rows = to_rows(steps, episodes, split.spaces, manifest.inputs)
    alike.add(rows.recording, rows.episode_index, steps=_every(manifest) > 0)
    beyond.append(count_beyond(split.spaces.observation, rows.recording))
    if not imported:  # a source may hold what its space does not: see the note of the import
        yield from _actions(split, rows)
    # Where copies are counted, it depends on all episodes in which split one is: see `_copies`.
    counted = imported or (manifest.distinct is not None and _every(manifest) > 0)
    indices = rows.episode_index if counted else _indices(manifest, split.split)[positions]
    rows = _stated(rows, manifest, indices)
    columns = [column for column in COMPUTED if column.name in {*steps.column_names} - lacking]
    expected, got = arrays_by_name(columns, rows, split.spaces), table_arrays(columns, steps, split.spaces)
    if found := first_difference(expected, got, file=None, episode=0):
        yield _at_step(split, found, rows)
    lines = tables_of(manifest.inputs, episodes.column_names)["episodes"]
    lines = tuple(column for column in lines if column.name not in lacking)
    expected = arrays_by_name(lines, rows, split.spaces)
    yield from _in_episodes(split, positions.start, expected, table_arrays(lines, episodes, split.spaces))


def _lacking(episodes: pa.Table, manifest: Manifest) -> frozenset[str]:
    """The columns that some episodes of one source do not have."""
    known = null_for(manifest.inputs)
    return known.get(episodes["source"][0].as_py(), frozenset()) if known else frozenset()


def _nulls(
    split: RecordedSplit, manifest: Manifest, steps: pa.Table, episodes: pa.Table, lacking: frozenset[str]
) -> Iterator[Difference]:
    """Of a merged dataset: whether the source is one that is listed, and just what it lacks is null."""
    if "merged" not in manifest.inputs:
        return
    episode, source = episodes["episode_index"][0].as_py(), episodes["source"][0].as_py()
    if source not in null_for(manifest.inputs):
        what = "one that the manifest lists"
        yield Difference(file=split.episode_file, episode=episode, column="source", expected=what, got=source)
    tables = tables_of(manifest.inputs, [*steps.column_names, *episodes.column_names])
    free = {column.name for columns in tables.values() for column in columns if column.nullable}
    for table in (steps, episodes):
        for name in sorted({*table.column_names} - (free - lacking)):
            expected, got = table.num_rows if name in lacking else 0, table[name].null_count
            if got != expected:
                yield Difference(what="its nulls", episode=episode, column=name, expected=expected, got=got)


def _actions(split: RecordedSplit, rows: Rows) -> Iterator[Difference]:
    """The first action that is not of its space."""
    found = first_outside(split.spaces.action, rows.recording.actions)
    if found is not None:
        column = f"action.{found.name}" if found.name else "action"
        difference = Difference(step=found.row, column=column, expected=found.expected, got=found.got)
        yield _at_step(split, difference, rows)


def _stated(rows: Rows, manifest: Manifest, indices: Array) -> Rows:
    """The rows with what the manifest says of them."""
    rows = dataclasses.replace(rows, episode_index=indices)
    inputs = manifest.inputs
    if "config" not in inputs or "own" in inputs:
        return rows
    attempts, root = rows.recording.attempts.tolist(), inputs["config"]["seed"]
    seeds = np.array([attempt_seed(root, attempt) for attempt in attempts], np.int64)
    return dataclasses.replace(
        rows,
        recording=dataclasses.replace(rows.recording, seeds=seeds),
        policies=who_played(inputs["expert"], rows.recording.attempts, inputs["expert"]["name"]),
    )


def _indices(manifest: Manifest, name: str) -> Array:
    """The `episode_index` of every episode of a split: every k-th one is in test."""
    total = sum(split.episodes for split in manifest.splits.values())
    every = _every(manifest)
    ordinals = np.arange(total, dtype=np.int64)
    test = ordinals % every == every - 1 if every else np.zeros(total, bool)
    indices: Array = ordinals[test] if name == "test" else ordinals[~test]
    return indices


def _every(manifest: Manifest) -> int:
    """Every how many episodes one is planned for test; 0: none is."""
    fraction = manifest.inputs.get("config", {}).get("dataset", {}).get("test_fraction", 0)
    return round(1 / fraction) if fraction else 0


def _at_step(split: RecordedSplit, found: Difference, rows: Rows) -> Difference:
    """A difference in a row of the steps of some episodes, by its file, episode and step."""
    row = found.step or 0
    position = int(np.searchsorted(np.cumsum(rows.recording.lengths), row, side="right"))
    return dataclasses.replace(
        found,
        file=split.file_of(rows.first_row + row),
        episode=int(rows.episode_index[position]),
        step=row - int(rows.recording.starts[position]),
    )


def _in_episodes(
    split: RecordedSplit, first: int, expected: dict[str, Array], got: dict[str, Array]
) -> Iterator[Difference]:
    """The first difference in lines of the table "episodes", those from `first` on."""
    if found := first_difference(expected, got, file=split.episode_file, episode=0):
        row = first + (found.step or 0)
        index = split.episodes["episode_index"][row].as_py()
        yield dataclasses.replace(found, episode=index, step=None)
