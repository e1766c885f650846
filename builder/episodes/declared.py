"""Columns that a build declares beyond those of the table of columns; the inputs of its manifest hold them.

Which there are follows from what is asked for, from the expert and from the environment, before play: a
teacher's values, what `info` says, noise's clean labels, what a merge knows of its parts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Spaces, SpacesOfMore, describe, from_descriptions, leaves
from builder.errors import SpaceError

COLUMNS = "columns"
"""Where the inputs of a build list them."""
VALID = "valid"
"""The last part of the name of the array, bool [rows], that says where a column that may be null is not."""
TEXT = "string"
EXPERT_ACTION = "expert_action"
"""The column of what the expert would have done, where that may be something else than what was done."""
CONTROLLER = "controller"
"""The column of who has chosen the action, where another policy plays too: 0 the expert, 1 the other."""


@dataclass(frozen=True)
class Declared:
    """A column.

    Attributes:
        name: in the files; `builder.dataset.columns.FAMILIES` has what may come before its dot.
        kind: the space of its values, or `TEXT`.
        table: which table has it, "transitions" or "episodes".
        nullable: whether a row may have no value.
    """

    name: str
    kind: gym.Space[Any] | str
    table: str = "transitions"
    nullable: bool = False

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of its arrays: its leaves, and whether it is valid where it may be null."""
        found = leaves(self.kind, self.name) if isinstance(self.kind, gym.Space) else ()
        names = tuple(".".join([self.name, *map(str, leaf.path)]) for leaf in found) or (self.name,)
        return (*names, f"{self.name}.{VALID}") if self.nullable else names

    def blank(self, rows: int) -> dict[str, Array]:
        """Its arrays for so many rows, all zeros; texts are empty."""
        if not isinstance(self.kind, gym.Space):
            found: list[Array] = [np.full(rows, "", object)]
        else:
            found = [np.zeros((rows, *leaf.shape), leaf.dtype) for leaf in leaves(self.kind, self.name)]
        valid = [np.zeros(rows, np.bool_)] if self.nullable else []
        return dict(zip(self.arrays, [*found, *valid], strict=True))

    def to_json(self) -> dict[str, Any]:
        """As the inputs of a build hold it."""
        kind = self.kind if isinstance(self.kind, str) else describe(self.kind)
        said = {"name": self.name, "kind": kind, "table": self.table}
        return {**said, "nullable": True} if self.nullable else said


def declared(inputs: Mapping[str, Any]) -> tuple[Declared, ...]:
    """The columns that the inputs of a build declare.

    Raises:
        SpaceError: one is of no space that can be recorded, all together are too large, or two have one name.
    """
    entries = inputs.get(COLUMNS)
    return _declared(json.dumps(entries)) if entries else ()


@lru_cache(maxsize=8)
def _declared(text: str) -> tuple[Declared, ...]:
    """What the JSON of a list declares, made once: readers ask for each episode again."""
    entries = json.loads(text)
    spaces = iter(from_descriptions([entry["kind"] for entry in entries if entry["kind"] != TEXT]))
    found = tuple(
        Declared(
            name=entry["name"],
            kind=TEXT if entry["kind"] == TEXT else next(spaces),
            table=entry.get("table", "transitions"),
            nullable=entry.get("nullable", False),
        )
        for entry in entries
    )
    _check_names(found)
    return found


def _check_names(columns: Iterable[Declared]) -> None:
    """Refuse two columns of a table, or two of their arrays, of one name.

    Raises:
        SpaceError: there are such.
    """
    names = Counter(
        (column.table, name)
        for column in columns
        for name in (*column.arrays, *({column.name} - {*column.arrays}))
    )
    if twice := [name for (_, name), count in names.items() if count > 1]:
        raise SpaceError(
            f"two declared columns are both called {twice[0]!r}", remedy="declare each name of a table once"
        )


def stated(columns: Iterable[Declared]) -> dict[str, Any]:
    """What is added to the inputs of a build that has such columns; nothing where it has none."""
    found = [column.to_json() for column in columns]
    return {COLUMNS: found} if found else {}


def spaces_with(inputs: Mapping[str, Any], observation: gym.Space[Any], action: gym.Space[Any]) -> Spaces:
    """The spaces of a dataset, with those of its pictures and columns where its inputs name any.

    Raises:
        SpaceError: a column is of no space that can be recorded.
    """
    merged = inputs.get("merged", {})
    size = (merged or inputs.get("config", {}).get("dataset", {})).get("pixels")
    added = declared(inputs)
    partial = frozenset(name for source in merged.get("sources", ()) for name in source["lacks"])
    if not (size or added or partial):
        return Spaces(observation, action)
    shown = (size["height"], size["width"]) if size else None
    return SpacesOfMore(observation, action, shown, added, partial)
