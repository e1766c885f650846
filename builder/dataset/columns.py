"""The table of columns: all that any room knows of a column stands in its entry here.

| who asks | takes |
|---|---|
| `dataset.schema` | its kind, as a feature of `datasets` |
| `dataset.tables` | its values, from a recording; and the recording back from the columns that hold it |
| `card` | its kind and its meaning |
| `verify` | of a column that follows from others its values, computed again; of all the type |
| `replay` | whether the environment, stepped again, must give its values |
| `loading` | the names of its leaves |
| `pipeline` | the key that switches it on |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from builder.dataset.column import Column, Rows
from builder.dataset.families import FAMILIES, declared_columns
from builder.episodes.declared import VALID, declared
from builder.episodes.recording import EXTRAS, FINAL_PIXELS, PIXELS, Recording
from builder.episodes.spaces import Array, Spaces, mask_space, picture_space


def _observation(spaces: Spaces) -> gym.Space[Any]:
    return spaces.observation


def _action(spaces: Spaces) -> gym.Space[Any]:
    return spaces.action


def _picture(spaces: Spaces) -> gym.Space[Any]:
    return spaces.shown or picture_space(1, 1)  # of a size that nobody has said yet


def _step_index(rows: Rows) -> Array:
    return np.arange(len(rows.recording.rewards)) - rows.of_steps(rows.recording.starts)


def _next_observation(rows: Rows) -> tuple[Array, ...]:
    last = np.cumsum(rows.recording.lengths) - 1
    following = []
    for observations, finals in zip(rows.recording.observations, rows.recording.finals, strict=True):
        shifted = np.concatenate([observations[1:], finals[-1:]])
        shifted[last] = finals
        following.append(shifted)
    return tuple(following)


ENDED = "ended"
"""The optional column of imported datasets whose source says that an episode ended, and not how."""

TRANSITIONS = (
    Column(
        "episode_index",
        "int64",
        lambda rows: rows.of_steps(rows.episode_index),
        "the episode: 0, 1, ... over all splits",
    ),
    Column("step_index", "int64", _step_index, "the step within the episode, from 0"),
    Column("observation", _observation, "observations", "what the action was chosen on", replayed=True),
    Column("action", _action, "actions", "what was done"),
    Column(
        "action_mask",
        lambda spaces: mask_space(spaces.action),
        "extras",
        "which actions were allowed",
        replayed=True,
        key="expert.action_masks",
    ),
    Column(
        ENDED,
        "bool",
        "extras",
        "the episode ended with this step; the source does not say how",
        key="imported.optional",
    ),
    Column(
        PIXELS,
        _picture,
        "extras",
        "what the environment showed when the action was chosen",
        replayed=True,
        key="config.dataset.pixels",
    ),
    Column("reward", "float64", "rewards", "what the environment gave for it", replayed=True),
    Column(
        "next_observation",
        _observation,
        _next_observation,
        "what the action led to, also on an episode's last step",
        replayed=True,
        key="config.dataset.next_observation",
    ),
    Column(
        "terminated",
        "bool",
        lambda rows: rows.of_last_steps(rows.recording.terminated),
        "the environment ended the episode with this step",
        replayed=True,
    ),
    Column(
        "truncated",
        "bool",
        lambda rows: rows.of_last_steps(rows.recording.truncated),
        "a limit cut the episode off after this step",
        replayed=True,
    ),
)
"""One row per step."""

EPISODES = (
    Column(
        "episode_index", "int64", lambda rows: rows.episode_index, "the episode: 0, 1, ... over all splits"
    ),
    Column("attempt_index", "int64", "attempts", "which attempt it was, rejected ones counted"),
    Column("seed", "int64", "seeds", "what `env.reset(seed=...)` was given"),
    Column("policy", "string", lambda rows: rows.policies, "who played"),
    Column(
        "source",
        "string",
        "attempt_extras",
        "the dataset that it comes from: the first characters of its fingerprint",
        key="merged.optional",
    ),
    Column(
        "quality",
        "string",
        "attempt_extras",
        "how good its player is said to be",
        key="merged.optional",
        nullable=True,
    ),
    Column("length", "int64", "lengths", "steps"),
    Column("episode_return", "float64", lambda rows: rows.recording.returns, "the rewards, summed in order"),
    Column("terminated", "bool", "terminated", "the environment ended it"),
    Column("truncated", "bool", "truncated", "a limit cut it off"),
    Column("final_observation", _observation, "finals", "what the last action led to"),
    Column(
        FINAL_PIXELS,
        _picture,
        "attempt_extras",
        "what the environment showed then",
        replayed=True,
        key="config.dataset.pixels",
    ),
    Column(
        "row_start",
        "int64",
        lambda rows: rows.first_row + rows.recording.starts,
        "its first row in the split's transitions",
    ),
    Column(
        "row_end",
        "int64",
        lambda rows: rows.first_row + np.cumsum(rows.recording.lengths),
        "one past its last row there",
    ),
)
"""One row per episode."""

TABLES = {"transitions": TRANSITIONS, "episodes": EPISODES}
"""By the names of the configs that `load_dataset` knows."""

NAMES = frozenset(column.name for table in TABLES.values() for column in table)
"""Of all columns that no build needs to declare."""

FOLDERS = {"transitions": "data", "episodes": "episodes"}
"""Where the files of each lie."""


UNSAID = {
    "reward": ("reward", "episode_return"),
    "terminated": ("terminated",),
    "truncated": ("truncated",),
    "final_observation": ("final_observation", "next_observation"),
    "seed": ("seed",),
}
"""What the source of an imported dataset may not say, and the columns that it then does not have."""
SAID = frozenset(column for columns in UNSAID.values() for column in columns)
"""All of these columns."""


def absent(inputs: Mapping[str, Any]) -> frozenset[str]:
    """The names of the columns that a dataset lacks, since what it was made from does not say them."""
    names = (inputs.get("imported") or inputs.get("merged") or {}).get("unsaid", ())
    return frozenset(column for name in names for column in UNSAID[name])


def null_for(inputs: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Of a merged dataset, by the name of a source the columns that are null for its episodes."""
    sources = inputs.get("merged", {}).get("sources", ())
    return {source["name"]: frozenset(source["lacks"]) for source in sources}


def unsaid(inputs: Mapping[str, Any]) -> frozenset[str]:
    """The names of the columns that are not known of every episode."""
    return absent(inputs).union(*null_for(inputs).values())


def unsaid_names(inputs: Mapping[str, Any]) -> frozenset[str]:
    """Those of `UNSAID` that are not known of every episode."""
    lacking = unsaid(inputs)
    return frozenset(name for name, columns in UNSAID.items() if lacking.intersection(columns[:1]))


def unsaid_of(inputs: Mapping[str, Any], source: str | None) -> frozenset[str]:
    """The names of the columns that are not known of the episodes of one source.

    Args:
        inputs: of the manifest.
        source: of a merged dataset; of others there is one alone.
    """
    return absent(inputs) | null_for(inputs).get(source or "", frozenset())


def tables_of(inputs: Mapping[str, Any], optional: Collection[str]) -> dict[str, tuple[Column, ...]]:
    """The columns of a dataset's tables, by their names.

    Args:
        inputs: of its manifest.
        optional: the names of the optional columns that it has.
    """
    lacking = absent(inputs)
    found = {
        name: tuple(column for column in present(table, optional) if column.name not in lacking)
        for name, table in every_table(inputs).items()
    }
    if "imported" in inputs or "merged" in inputs:  # Minari draws seeds of 64 bits
        found["episodes"] = tuple(
            dataclasses.replace(column, kind="uint64") if column.name == "seed" else column
            for column in found["episodes"]
        )
    return found


def every_table(inputs: Mapping[str, Any]) -> dict[str, tuple[Column, ...]]:
    """All columns that the tables of a dataset may have, those that it declares among them."""
    own = declared(inputs)
    return {name: (*table, *declared_columns(own, name)) for name, table in TABLES.items()}


def known(spaces: Spaces, table: str = "transitions") -> dict[str, Column]:
    """All columns that a table may have by name, with those that the dataset of these spaces declares.

    In a merged dataset an optional one that some part lacks may be null.
    """
    columns = (*TABLES[table], *declared_columns(spaces.declared, table))
    return {
        column.name: dataclasses.replace(column, nullable=True)
        if column.name in spaces.partial - SAID
        else column
        for column in columns
    }


def present(table: Iterable[Column], optional: Collection[str] = ()) -> tuple[Column, ...]:
    """The columns of a table, those of the optional ones that are named among them."""
    return tuple(column for column in table if not column.key or column.name in optional)


def asked_for(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the optional columns that the inputs of a build switch on.

    A function of the user's own in the place of `enjoy` records none of the extras.
    """
    added = [column.name for column in declared(inputs)]
    made_of = inputs.get("imported") or inputs.get("merged")
    if made_of:
        return tuple(dict.fromkeys([*made_of["optional"], *added]))
    own = "enjoy" in inputs.get("own", {})
    columns = [column for table in TABLES.values() for column in table if column.key]
    found = [
        column.name for column in columns if _at(inputs, column.key) and not (own and column.holds in EXTRAS)
    ]
    return tuple(dict.fromkeys([*found, *added]))


def recorded(recording: Recording) -> tuple[str, ...]:
    """The names of the optional columns that a recording holds something for."""
    return tuple(dict.fromkeys(column_of(name) for field in EXTRAS for name in getattr(recording, field)))


def _at(inputs: Any, key: str) -> bool:
    for part in key.split("."):
        inputs = inputs.get(part) if isinstance(inputs, Mapping) else None
    return bool(inputs)


def arrays_by_name(columns: Iterable[Column], rows: Rows, spaces: Spaces) -> dict[str, Array]:
    """The values of columns for some rows, by the names of their leaves."""
    return {
        name: array
        for column in columns
        for name, array in zip(column.names(spaces), column.arrays(rows, spaces), strict=True)
    }


def column_of(name: str) -> str:
    """The column that an array belongs to, by the array's name as `Trajectories.arrays` gives it."""
    head = name.partition(".")[0]
    if head in FAMILIES and not FAMILIES[head].single:
        return name.removesuffix(f".{VALID}")
    return head if head in FAMILIES or head in NAMES else name
