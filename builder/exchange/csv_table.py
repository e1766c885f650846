"""CSV: one file for people and spreadsheets, a row for each step.

The last row of an episode has what its last action led to, and neither action nor reward. Numbers are written
so that they read back exactly: a float32 with all digits of its value.
"""

from __future__ import annotations

import csv
import itertools
import operator
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError
from builder.exchange.arrays import all_fitted
from builder.exchange.contract import Format, Incoming, Loss, Options, Source, Trajectory, usual_losses
from builder.exchange.note import Carried, carried, note_path
from builder.storage.limits import CSV_COLUMNS, STEPS

INDEX = ("split", "episode", "step")
SAID = ("seed", "reward", "terminated", "truncated")
"""Columns that are left out where a dataset does not say it."""
FLAGS = {"true": True, "false": False}


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What a row does not say."""
    yield Loss("spaces", "a column is text; dtypes and bounds stand in the note alone")
    yield from usual_losses(source, "policy")


def write(source: Source, path: Path, _options: Options) -> None:
    """Write the file.

    Raises:
        ConfigError: a row would be too wide: images.
    """
    parts = [
        (name, leaves(space)) for name, space in zip(("observation", "action"), source.spaces, strict=True)
    ]
    values = [column for name, found in parts for leaf in found for column in _columns(name, leaf)]
    if len(values) > CSV_COLUMNS:
        raise ConfigError(
            f"a row would have {len(values)} columns",
            expected=f"at most {CSV_COLUMNS}",
            remedy="images and the like need another format",
        )
    said = [name for name in SAID if name not in source.unsaid]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*INDEX, *values, *said])
        for number, trajectory in enumerate(source.trajectories()):
            for row in _rows(trajectory, said, len(values)):
                writer.writerow([trajectory.split, number, *row])


def _columns(name: str, leaf: Leaf) -> list[str]:
    """The names of the numbers of a leaf, in their order in memory."""
    prefix = ".".join(map(str, (name, *leaf.path)))
    return [".".join(map(str, (prefix, *place))) for place in np.ndindex(leaf.shape)]


def _rows(trajectory: Trajectory, said: Sequence[str], width: int) -> Iterator[list[Any]]:
    observed, acted = _texts(trajectory.observations), _texts(trajectory.actions)
    terminations, truncations = trajectory.flags()
    for step, (seen, done) in enumerate(zip(observed, acted, strict=True)):
        of_step = {
            "seed": trajectory.seed,
            "reward": None if trajectory.rewards is None else repr(float(trajectory.rewards[step])),
            "terminated": str(bool(terminations[step])).lower(),
            "truncated": str(bool(truncations[step])).lower(),
        }
        yield [step, *seen, *done, *(of_step[name] for name in said)]
    if trajectory.final is not None:
        (last,) = _texts([leaf[np.newaxis] for leaf in trajectory.final])
        yield [len(trajectory), *last, *[""] * (width - len(last)), *[""] * len(said)]


def _texts(found: Sequence[Array]) -> list[list[str]]:
    """The numbers of each step as text: those of floats with all their digits."""
    flat = [leaf.reshape(len(leaf), -1).astype(leaf.dtype.newbyteorder("=")).tolist() for leaf in found]
    return [[repr(value) for part in parts for value in part] for parts in zip(*flat, strict=True)]


def read(path: Path, _options: Options) -> Incoming:
    """Open a file of this layout; without our note, all numbers of an observation are one vector of float64.

    Raises:
        DatasetError: it is none, or its rows do not fit together.
    """
    known = carried(note_path(path, folder=False))
    header = next(_lines(path), [])
    if missing := {*INDEX} - {*header}:
        raise DatasetError(f"{path} is no table of episodes", got=f"no {', '.join(sorted(missing))}")
    if len(header) > 2 * CSV_COLUMNS or len({*header}) < len(header):
        raise DatasetError(f"{path}: its columns are too many, or two have the same name")
    table = _Table(path, header, known)
    first = next(table.trajectories(), None)
    if first is None:
        raise DatasetError(f"{path} holds no episodes")
    unsaid = {name for name in SAID if name not in header} | (
        {"final_observation"} if first.final is None else set()
    )
    return Incoming(
        spaces=table.spaces,
        trajectories=table.trajectories,
        files=(path,),
        unsaid=frozenset(unsaid),
        environment=known.environment if known else None,
        policy=known.policy if known else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
    )


def _lines(path: Path) -> Iterator[list[str]]:
    """The rows of a file as texts.

    Raises:
        DatasetError: it is none.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.reader(file, strict=True)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {str(error)[:200]}") from error


class _Table:
    """A file, and what its columns are."""

    def __init__(self, path: Path, header: list[str], known: Carried | None) -> None:
        self._path, self._header = path, header
        places = [
            [place for place, column in enumerate(header) if column.partition(".")[0] == name]
            for name in ("observation", "action")
        ]
        if not all(places):
            raise DatasetError(f"{path} has no observations, or no actions")
        self._observed, self._acted = places
        vectors = (unbounded((len(one),), np.dtype(np.float64)) for one in places)
        self.spaces = known.spaces if known else Spaces(*vectors)

    def trajectories(self) -> Iterator[Trajectory]:
        """The episodes; the rows of one follow each other."""
        episode = operator.itemgetter(self._header.index("episode"))
        rows = itertools.islice(_lines(self._path), 1, None)
        whole = (row for row in rows if self._is_whole(row))
        for index, (_, group) in enumerate(itertools.groupby(whole, episode)):
            yield self._trajectory(list(itertools.islice(group, STEPS)), index)

    def _is_whole(self, row: list[str]) -> bool:
        if len(row) != len(self._header):
            raise DatasetError(f"{self._path}: a row has {len(row)} columns", expected=f"{len(self._header)}")
        return True

    def _trajectory(self, rows: list[list[str]], index: int) -> Trajectory:
        where = f"{self._path}: episode {index}"
        has_final = not rows[-1][self._acted[0]]
        steps = rows[:-1] if has_final else rows
        if not steps or self._texts(rows, "step") != [str(step) for step in range(len(rows))]:
            raise DatasetError(f"{where} does not have the steps 0, 1, ...")
        observed = self._values(rows, self._observed, self.spaces.observation, where)
        rewards = self._texts(steps, "reward")
        seed = self._texts(steps[:1], "seed")
        split = self._texts(steps[:1], "split")
        return Trajectory(
            observations=tuple(leaf[: len(steps)] for leaf in observed),
            actions=self._values(steps, self._acted, self.spaces.action, where),
            final=tuple(leaf[-1] for leaf in observed) if has_final else None,
            rewards=_numbers(rewards, np.dtype(np.float64), where) if rewards else None,
            terminated=self._flag(steps[-1], "terminated", where),
            truncated=self._flag(steps[-1], "truncated", where),
            seed=int(_numbers(seed, np.dtype(np.int64), where)[0]) if seed else None,
            index=index,
            split="test" if split == ["test"] else "train",
        )

    def _texts(self, rows: list[list[str]], name: str) -> list[str]:
        """A column; empty where there is none."""
        if name not in self._header:
            return []
        place = self._header.index(name)
        return [row[place] for row in rows]

    def _flag(self, row: list[str], name: str, where: str) -> bool | None:
        texts = self._texts([row], name)
        if texts and texts[0].lower() not in FLAGS:
            raise DatasetError(f"{where}: {name}", expected="true or false", got=texts[0][:80])
        return FLAGS[texts[0].lower()] if texts else None

    def _values(self, rows: list[list[str]], places: list[int], space: Any, where: str) -> tuple[Array, ...]:
        """Per leaf [n, ...] of the columns of a space."""
        found, start, arrays = leaves(space), 0, []
        for leaf in found:
            size = int(np.prod(leaf.shape, dtype=object))
            own, start = places[start : start + size], start + size
            flat = _numbers([row[place] for row in rows for place in own], leaf.dtype, where)
            arrays.append(flat.reshape(len(rows), -1))
        if start != len(places):
            raise DatasetError(
                f"{where} does not fit its space", expected=f"{start} columns", got=len(places)
            )
        return all_fitted(arrays, found, where)


def _numbers(texts: list[str], dtype: np.dtype[Any], where: str) -> Array:
    """Texts as numbers, whole ones where the dtype is of them.

    Raises:
        DatasetError: one is none, or has no place in the dtype.
    """
    parse: Any = {"f": float, "b": lambda text: FLAGS[text.lower()]}.get(dtype.kind, int)
    try:
        return np.array([parse(text) for text in texts], dtype if dtype.kind != "f" else np.float64)
    except (ValueError, OverflowError, KeyError) as error:
        raise DatasetError(f"{where}: a value is no {dtype}: {str(error)[:100]}") from error


FORMAT = Format(
    name="csv",
    about="one file for people and spreadsheets, a row for each step",
    suffix=".csv",
    write=write,
    read=read,
    losses=losses,
    opened='import pandas; table = pandas.read_csv("{path}")',
)
