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
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.recording import EXTRAS, FINAL_PIXELS, PIXELS, Recording
from builder.episodes.spaces import Array, Leaf, Spaces, leaves, mask_space, picture_space
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
    """

    name: str
    kind: Kind
    values: str | Callable[[Rows], Any]
    meaning: str
    replayed: bool = False
    key: str = ""

    @property
    def holds(self) -> str | None:
        """The field of a `Recording` that it holds; None: it follows from other columns."""
        return self.values if isinstance(self.values, str) else None

    def space(self, spaces: Spaces) -> gym.Space[Any] | None:
        """The space of its values; None: they are plain."""
        return self.kind(spaces) if callable(self.kind) else None

    def names(self, spaces: Spaces) -> tuple[str, ...]:
        """The names of its leaves as `Trajectories.arrays` gives them; of a plain one its own."""
        space = self.space(spaces)
        found: Iterable[Leaf] = leaves(space) if space is not None else ()
        return tuple(".".join([self.name, *map(str, leaf.path)]) for leaf in found) or (self.name,)

    def arrays(self, rows: Rows, spaces: Spaces) -> tuple[Array, ...]:
        """Its values for some rows, one array per leaf.

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


def unsaid(inputs: Mapping[str, Any]) -> frozenset[str]:
    """The names of the columns that a dataset lacks, since what it was imported from does not say them."""
    names = inputs.get("imported", {}).get("unsaid", ())
    return frozenset(column for name in names for column in UNSAID[name])


def tables_of(inputs: Mapping[str, Any], optional: Collection[str]) -> dict[str, tuple[Column, ...]]:
    """The columns of a dataset's tables, by their names.

    Args:
        inputs: of its manifest.
        optional: the names of the optional columns that it has.
    """
    lacking = unsaid(inputs)
    found = {
        name: tuple(column for column in present(table, optional) if column.name not in lacking)
        for name, table in TABLES.items()
    }
    if "imported" in inputs:  # Minari draws seeds of 64 bits
        found["episodes"] = tuple(
            dataclasses.replace(column, kind="uint64") if column.name == "seed" else column
            for column in found["episodes"]
        )
    return found


def present(table: Iterable[Column], optional: Collection[str] = ()) -> tuple[Column, ...]:
    """The columns of a table, those of the optional ones that are named among them."""
    return tuple(column for column in table if not column.key or column.name in optional)


def asked_for(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the optional columns that the inputs of a build switch on.

    A function of the user's own in the place of `enjoy` records none of the extras.
    """
    if "imported" in inputs:
        return tuple(inputs["imported"]["optional"])
    own = "enjoy" in inputs.get("own", {})
    columns = [column for table in TABLES.values() for column in table if column.key]
    return tuple(
        column.name for column in columns if _at(inputs, column.key) and not (own and column.holds in EXTRAS)
    )


def recorded(recording: Recording) -> tuple[str, ...]:
    """The names of the optional columns that a recording holds something for."""
    columns = [column for table in TABLES.values() for column in table if column.holds in EXTRAS]
    held = {name.partition(".")[0] for field in EXTRAS for name in getattr(recording, field)}
    return tuple(column.name for column in columns if column.name in held)


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
