"""The tables of a dataset against each other and against what the manifest says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from builder.dataset.schema import from_arrow
from builder.episodes.acceptance import Acceptance
from builder.episodes.recording import episode_returns
from builder.episodes.seeding import attempt_seed
from builder.episodes.spaces import Array
from builder.errors import DatasetError
from builder.manifest.manifest import Manifest
from builder.replay import Difference, RecordedSplit
from builder.replay.difference import first_difference
from builder.replay.recorded import names
from builder.verify.checks import Check

Columns = dict[str, Array]
EPISODES_AT_A_TIME = 64


def check_tables(folder: Path, manifest: Manifest) -> Check:
    """Rows, order, seeds, returns, flags and the observations that rows share."""
    rows = sum(split.rows for split in manifest.splits.values())
    episodes = sum(split.episodes for split in manifest.splits.values())
    compared = f"{episodes:,} episodes, {rows:,} steps: order, seeds, returns, flags, next observations"
    found = (difference for name in sorted(manifest.splits) for difference in _split(folder, manifest, name))
    try:
        return Check("tables", compared, next(found, None))
    except DatasetError as error:
        return Check("tables", compared, Difference(what=str(error)))


def _split(folder: Path, manifest: Manifest, name: str) -> Iterator[Difference]:
    split = RecordedSplit(folder, manifest, name)
    stated = manifest.splits[name]
    for what, expected, got in (
        ("episodes", stated.episodes, split.episodes.num_rows),
        ("steps", stated.rows, split.rows),
    ):
        if expected != got:
            yield Difference(what=f"the number of {what} in the split {name!r}", expected=expected, got=got)
            return
    yield from _episode_columns(split, manifest)
    lengths = split.episodes["length"].to_numpy()
    for first in range(0, len(lengths), EPISODES_AT_A_TIME):
        yield from _steps(split, first, min(first + EPISODES_AT_A_TIME, len(lengths)))


def _episode_columns(split: RecordedSplit, manifest: Manifest) -> Iterator[Difference]:
    """What of the table "episodes" follows from the manifest and from its own other columns."""
    table = split.episodes
    got = {name: table[name].to_numpy() for name in ("episode_index", "attempt_index", "seed", "length")}
    got |= {name: table[name].to_numpy() for name in ("row_start", "row_end")}
    ends = np.cumsum(got["length"])
    expected = {
        "episode_index": _indices(manifest, split.split),
        "length": got["row_end"] - got["row_start"],
        "row_start": ends - got["length"],
        "row_end": ends,
    }
    if (config := manifest.inputs.get("config")) and "own" not in manifest.inputs:
        root = config["seed"]
        seeds = [attempt_seed(root, attempt) for attempt in got["attempt_index"].tolist()]
        expected["seed"] = np.array(seeds, np.int64)
        yield from _returns_within(split, config)
    for name, column in expected.items():
        yield from _in_table(split, name, column, got[name])
    backwards = np.flatnonzero(np.diff(got["attempt_index"]) <= 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        yield Difference(
            file=_episodes_file(split),
            episode=int(got["episode_index"][row]),
            column="attempt_index",
            expected=f"more than {got['attempt_index'][row - 1]}",
            got=int(got["attempt_index"][row]),
        )


def _indices(manifest: Manifest, name: str) -> Array:
    """The `episode_index` of every episode of a split: every k-th one is in test."""
    total = sum(split.episodes for split in manifest.splits.values())
    fraction = manifest.inputs.get("config", {}).get("dataset", {}).get("test_fraction", 0)
    every = round(1 / fraction) if fraction else 0
    ordinals = np.arange(total, dtype=np.int64)
    test = ordinals % every == every - 1 if every else np.zeros(total, bool)
    indices: Array = ordinals[test] if name == "test" else ordinals[~test]
    return indices


def _returns_within(split: RecordedSplit, config: dict[str, Any]) -> Iterator[Difference]:
    acceptance = Acceptance.of(config)
    returns = split.episodes["episode_return"].to_numpy()
    outside = np.flatnonzero(~acceptance.accepts(returns))
    if len(outside):
        row = int(outside[0])
        yield Difference(
            file=_episodes_file(split),
            episode=split.episodes["episode_index"][row].as_py(),
            column="episode_return",
            expected=f"{acceptance.low:g} to {acceptance.high:g}",
            got=float(returns[row]),
        )


def _in_table(split: RecordedSplit, name: str, expected: Array, got: Array) -> Iterator[Difference]:
    unequal = np.flatnonzero(expected != got) if len(expected) == len(got) else np.array([0])
    if len(unequal):
        row = int(unequal[0])
        yield Difference(
            file=_episodes_file(split),
            episode=split.episodes["episode_index"][row].as_py(),
            column=name,
            expected=expected[row].item() if row < len(expected) else "no such episode",
            got=got[row].item(),
        )


def _episodes_file(split: RecordedSplit) -> str:
    """The first file of the table; it is small, and mostly the only one."""
    files = sorted((split.folder / "episodes").glob(f"{split.split}-*.parquet"))
    return files[0].relative_to(split.folder).as_posix()


def _steps(split: RecordedSplit, first: int, stop: int) -> Iterator[Difference]:
    """The rows of a few episodes against their lines in the table "episodes"."""
    episodes = split.episodes.slice(first, stop - first)
    column = {
        name: episodes[name].to_numpy()
        for name in ("episode_index", "row_start", "row_end", "length", "episode_return")
    }
    start, lengths = int(column["row_start"][0]), column["length"]
    rows = split.steps(start, int(column["row_end"][-1]))
    starts = column["row_start"] - start
    last = column["row_end"] - start - 1
    rewards = rows["reward"].to_numpy()
    expected: dict[str, Array] = {
        "episode_index": np.repeat(column["episode_index"], lengths),
        "step_index": np.arange(len(rewards)) - np.repeat(starts, lengths),
    }
    for name in ("terminated", "truncated"):
        expected[name] = np.zeros(len(rewards), bool)
        expected[name][last] = episodes[name].to_numpy()
    got: dict[str, Array] = {name: rows[name].to_numpy() for name in expected}
    if "next_observation" in rows.column_names:
        observations = from_arrow(split.observation_space, rows["observation"])
        finals = from_arrow(split.observation_space, episodes["final_observation"])
        following = from_arrow(split.observation_space, rows["next_observation"])
        for name, now, final, after in zip(
            names(split.observation_space, "next_observation"), observations, finals, following, strict=True
        ):
            expected[name] = np.concatenate([now[1:], final[-1:]])
            expected[name][last] = final
            got[name] = after
    yield from _located(split, expected, got, start, column)
    returns = episode_returns(rewards, lengths)
    yield from _returns(split, column, returns)


def _located(
    split: RecordedSplit, expected: Columns, got: Columns, start: int, column: Columns
) -> Iterator[Difference]:
    found = first_difference(expected, got, file=None, episode=0)
    if found is not None and found.step is not None:
        row = start + found.step
        position = int(np.searchsorted(column["row_end"], row, side="right"))
        yield Difference(
            file=split.file_of(row),
            episode=int(column["episode_index"][position]),
            step=row - int(column["row_start"][position]),
            column=found.column,
            expected=found.expected,
            got=found.got,
        )


def _returns(split: RecordedSplit, column: dict[str, Array], returns: Array) -> Iterator[Difference]:
    unequal = np.flatnonzero(returns != column["episode_return"])
    if len(unequal):
        row = int(unequal[0])
        yield Difference(
            file=_episodes_file(split),
            episode=int(column["episode_index"][row]),
            column="episode_return",
            expected=f"{returns[row]!r}, the sum of the rewards",
            got=column["episode_return"][row].item(),
        )
