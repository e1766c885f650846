"""`Column`: one of a table, and `Rows`: what its values come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.declared import VALID
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.errors import DatasetError

Kind = str | Callable[[Spaces], gym.Space[Any]]
"""The dtype of plain values, or which space they are of."""


@dataclass(frozen=True)
class Rows:
    """Episodes on their way into the tables, or back from them.

    Attributes:
        recording: their attempts [A] and steps [R].
        episode_index: int64 [A].
        policies: str [A], who played.
        first_row: of their steps, counted in the split.
    """

    recording: Recording
    episode_index: Array
    policies: Array
    first_row: int = 0

    def of_steps(self, values: Array) -> Array:
        """[R, ...]: the values [A, ...] of its episode for each step."""
        return np.repeat(values, self.recording.lengths, axis=0)

    def of_last_steps(self, values: Array) -> Array:
        """[R, ...]: the values [A, ...] of each episode on its last step, zeros on the others."""
        spread = np.zeros((len(self.recording.rewards), *values.shape[1:]), values.dtype)
        spread[np.cumsum(self.recording.lengths) - 1] = values
        return spread


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: in the files, and everywhere else.
        kind: the dtype of plain values, or which space they are of.
        values: the field of a `Recording` that it holds as it is (of `extras` or `attempt_extras` what stands
            there under its name), or, where it follows from other columns, the function that computes it:
            plain values as an array, those of a space as one for each leaf.
        meaning: what the card says of it.
        replayed: whether the environment gives it, so that a replay compares it.
        key: of an optional column, where the inputs of a build say whether it is there; "": it always is.
        nullable: whether a row may have no value; its last array then says which rows have one.
    """

    name: str
    kind: Kind
    values: str | Callable[[Rows], Any]
    meaning: str
    replayed: bool = False
    key: str = ""
    nullable: bool = False

    @property
    def holds(self) -> str | None:
        """The field of a `Recording` that it holds; None: it follows from other columns."""
        return self.values if isinstance(self.values, str) else None

    def space(self, spaces: Spaces) -> gym.Space[Any] | None:
        """The space of its values; None: they are plain."""
        return self.kind(spaces) if callable(self.kind) else None

    def names(self, spaces: Spaces) -> tuple[str, ...]:
        """The names of its arrays, as `Trajectories.arrays` gives them: of its leaves, or its own."""
        space = self.space(spaces)
        found: Iterable[Leaf] = leaves(space) if space is not None else ()
        names = tuple(".".join([self.name, *map(str, leaf.path)]) for leaf in found) or (self.name,)
        return (*names, f"{self.name}.{VALID}") if self.nullable else names

    def arrays(self, rows: Rows, spaces: Spaces) -> tuple[Array, ...]:
        """Its values for some rows, one array per leaf; of one that may be null, which rows have a value too.

        Raises:
            DatasetError: they were not recorded.
        """
        found = getattr(rows.recording, self.values) if isinstance(self.values, str) else self.values(rows)
        if isinstance(found, Mapping):
            return tuple(self._recorded(found, name) for name in self.names(spaces))
        return found if isinstance(found, tuple) else (found,)

    def _recorded(self, extras: Mapping[str, Array], name: str) -> Array:
        if name not in extras:
            raise DatasetError(f"a recording holds no {name}", remedy=f"record it, or leave {self.name} out")
        return extras[name]
