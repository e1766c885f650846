"""`infos` of other formats: our `info.*` columns there, and theirs here.

Beside the values of `KEY` lies `_KEY`, as vector environments of gymnasium have it: where it was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.info import (
    FAMILY,
    MAX_RANK,
    Kind,
    SaidInfo,
    declared_as,
    kind_of,
    left_out,
    widened,
)
from builder.episodes.declared import VALID, Declared
from builder.episodes.spaces import Array
from builder.episodes.unbounded import unbounded
from builder.exchange.contract import Trajectory

INFOS = "infos"
NAMED = 12
"""So many keys are named in a note."""


def key_of(column: Declared) -> str:
    """The key of `info` that a column holds."""
    return column.name.partition(".")[2]


def of_numbers(columns: Iterable[Declared], table: str) -> dict[str, Declared]:
    """By key the columns of a table that hold what `info` said in numbers, as formats of arrays do."""
    return {
        key_of(column): column
        for column in columns
        if column.table == table
        and column.name.startswith(f"{FAMILY}.")
        and isinstance(column.kind, gym.spaces.Box)
    }


def holds_steps(column: Declared) -> bool:
    """Whether a format that keeps numbers of steps alone has a place for a column."""
    return bool(of_numbers([column], "transitions"))


def holds_both(column: Declared) -> bool:
    """Whether a format that keeps numbers of `reset` and of steps has a place for a column."""
    return any(of_numbers([column], table) for table in ("transitions", "episodes"))


def rows_of(trajectory: Trajectory, key: str) -> tuple[Array, Array]:
    """[T, ...] what steps said of a key, and bool [T]: where they said something."""
    values = trajectory.extras[f"{FAMILY}.{key}"]
    valid = trajectory.extras.get(f"{FAMILY}.{key}.{VALID}", np.ones(len(trajectory), np.bool_))
    return values, valid


def rows_from_reset(trajectory: Trajectory, key: str, columns: Mapping[str, Declared]) -> tuple[Array, Array]:
    """[T + 1, ...] what `reset`, then the steps, said of a key, and bool [T + 1]: where they said something.

    Args:
        trajectory: the episode.
        key: of one of the columns, or of one of the episodes alone.
        columns: by key those of the steps.
    """
    name = f"{FAMILY}.{key}"
    first = trajectory.attempt_extras.get(name)
    if key not in columns:
        assert first is not None, "a key of neither table is asked for"
        values = np.zeros((len(trajectory) + 1, *first.shape), first.dtype)
        valid = np.zeros(len(trajectory) + 1, np.bool_)
    else:
        steps, said = rows_of(trajectory, key)
        values, valid = (np.concatenate([np.zeros_like(part[:1]), part]) for part in (steps, said))
    if first is not None and (first.dtype, first.shape) == (values.dtype, values.shape[1:]):
        values[0], valid[0] = first, trajectory.attempt_extras.get(f"{name}.{VALID}", True)
    return values, valid


@dataclass
class Seen:
    """What infos of a source hold, before any is read.

    Attributes:
        kinds: by key the dtypes and shapes of its arrays' rows, and how many rows there are beyond the steps.
        episodes: by key how many of the episodes have it.
        masked: keys that come with a mask.
        told: by table the keys of which a row is said there, as far as that is known.
        others: keys that are no arrays of numbers, one for each step.
    """

    kinds: dict[str, set[tuple[str, tuple[int, ...], int]]] = field(default_factory=dict)
    episodes: dict[str, int] = field(default_factory=dict)
    masked: set[str] = field(default_factory=set)
    told: dict[str, set[str]] = field(default_factory=lambda: {"transitions": set(), "episodes": set()})
    others: set[str] = field(default_factory=set)

    def add(
        self,
        arrays: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]] | None],
        steps: int,
        masks: Mapping[str, Array] | None = None,
    ) -> None:
        """What an episode has.

        Args:
            arrays: by key dtype and shape; None: something else.
            steps: of the episode.
            masks: by key in which rows it is said, of those of which that is known; else it is in all.
        """
        for key, found in arrays.items():
            of = arrays.get(key[1:]) if key.startswith("_") else None
            if of is not None and found == (np.dtype(np.bool_), of[1][:1]):
                self.masked.add(key[1:])
            elif found is None or left_out(key) or not _plain(*found, steps):
                self.others.add(key)
            else:
                dtype, shape = found
                kind = str(dtype.newbyteorder("=")), shape[1:], shape[0] - steps
                self.kinds.setdefault(key, set()).add(kind)
                self.episodes[key] = self.episodes.get(key, 0) + 1
                said = (masks or {}).get(key, np.ones(shape[0], np.bool_)).astype(np.bool_)
                self.told["transitions"] |= {key} if said[-steps:].any() else set()
                self.told["episodes"] |= {key} if said[0] else set()

    def columns(self, episodes: int) -> tuple[Declared, ...]:
        """The columns of a source of so many episodes, those of steps first."""
        found: dict[str, list[Declared]] = {"transitions": [], "episodes": []}
        for key in sorted(self.kinds):
            if key in self.others or len(self.kinds[key]) > 1:
                self.others.add(key)
                continue
            ((dtype, shape, more),) = self.kinds[key]
            nullable = key in self.masked or self.episodes[key] < episodes
            for table in ("transitions", "episodes") if more else ("transitions",):
                space = unbounded(shape, np.dtype(dtype))
                if key in self.told[table]:
                    found[table].append(Declared(f"{FAMILY}.{key}", space, table, nullable))
        return (*found["transitions"], *found["episodes"])

    def notes(self) -> Iterator[str]:
        """What is left out, once `columns` has been asked for."""
        if self.others:
            names = sorted(map(str, self.others))
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            told = ", ".join(name[:40] for name in names[:NAMED]) + more
            yield f"of the source's infos these are left out, no values of one kind in each step: {told}"


def _plain(dtype: np.dtype[Any], shape: tuple[int, ...], steps: int) -> bool:
    """Whether an array holds numbers that a column can hold, for each step, or for `reset` too."""
    number = dtype.kind in "biuf" and dtype.itemsize <= 8
    return number and 0 < len(shape) <= MAX_RANK + 1 and 0 not in shape[1:] and shape[0] - steps in (0, 1)


def extras_of(
    columns: Sequence[Declared], arrays: Mapping[str, Array], steps: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """What a trajectory of so many steps holds in the columns: of its steps, and of its `reset`.

    Args:
        columns: those of `Seen.columns`.
        arrays: by key, and masks by `_key`; a key that is not there was not said.
        steps: of the trajectory.
    """
    of_steps: dict[str, Array] = {}
    of_reset: dict[str, Array] = {}
    for column in columns:
        key, given = key_of(column), arrays.get(key_of(column))
        into, rows = (
            (of_steps, slice(-steps, None)) if column.table == "transitions" else (of_reset, slice(1))
        )
        blank = column.blank(steps if column.table == "transitions" else 1)
        if given is not None:
            mask = arrays.get(f"_{key}")
            masked = mask is not None and mask.dtype == np.bool_ and mask.shape == given.shape[:1]
            valid = mask if masked and mask is not None else np.ones(len(given), np.bool_)
            blank |= {
                column.name: given[rows],
                **({f"{column.name}.{VALID}": valid[rows]} if column.nullable else {}),
            }
        into |= blank if column.table == "transitions" else {name: array[0] for name, array in blank.items()}
    return of_steps, of_reset


@dataclass
class ToldInJson:
    """What infos of a source hold that are plain JSON, step by step.

    Attributes:
        kinds: by key the kind of its values so far; None: they have none in common.
        others: keys that can be no column.
        unread: whether some are no plain JSON.
    """

    kinds: dict[str, Kind | None] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    unread: bool = False

    def add(self, info: Mapping[str, Any] | None) -> None:
        """What a step said; None: it is no plain JSON."""
        self.unread = self.unread or info is None
        for key, value in (info or {}).items():
            if value is None:
                continue
            kind = None if left_out(key) else kind_of(value)
            known = self.kinds.setdefault(key, kind)
            self.kinds[key] = None if kind is None or known is None else widened(known, kind)

    def columns(self) -> tuple[Declared, ...]:
        """The columns of the source."""
        kinds = sorted(self.kinds.items())
        self.others = {key for key, kind in kinds if kind is None}
        return tuple(declared_as(key, kind, "transitions") for key, kind in kinds if kind is not None)

    def notes(self) -> Iterator[str]:
        """What is left out, once `columns` has been asked for."""
        yield from Seen(others=self.others).notes()
        if self.unread:
            yield "infos of the source that are no plain JSON are left out; nothing in them is unpickled"


def said_in(infos: Sequence[Mapping[str, Any] | None], columns: tuple[Declared, ...]) -> dict[str, Array]:
    """[T, ...] what the infos of T steps say, as the columns of `ToldInJson` hold it."""
    reader = SaidInfo(columns).annotator(None, (gym.Space(), gym.Space()))
    return dict(reader.after(range(len(infos)), [info or {} for info in infos]))


def json_of_steps(columns: Iterable[Declared], trajectory: Trajectory) -> list[dict[str, Any]]:
    """What each step said in the columns, as JSON holds it."""
    found: list[dict[str, Any]] = [{} for _ in range(len(trajectory))]
    for key in map(key_of, columns):
        values, valid = rows_of(trajectory, key)
        for step in np.flatnonzero(valid).tolist():
            value = values[step]
            found[step][key] = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return found
