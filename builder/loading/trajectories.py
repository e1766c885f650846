"""A dataset as a researcher uses it: arrays, tensors and episodes, in the environment's own dtypes."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import gymnasium as gym
import numpy as np

from builder.dataset.columns import column_of
from builder.dataset.schema import from_arrow
from builder.episodes.episode import Episode
from builder.episodes.spaces import Array, assemble, leaves
from builder.errors import ConfigError, suggest
from builder.loading import notebook
from builder.loading.batches import leaf_columns
from builder.loading.blocks import NEXT, OBSERVATION, Block
from builder.loading.conversions import Conversions
from builder.loading.epochs import Epochs
from builder.loading.films import Films
from builder.loading.joined import JoinedTables, Part
from builder.loading.recorded import Recorded
from builder.loading.split_tables import Run, SplitTables, rows_of, runs, steps_of
from builder.loading.stacking import stack, stack_columns
from builder.loading.subsets import Subsets
from builder.manifest.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

VIEWED = ("transitions", "episode_table", "_rows", "_step_table", "_episode_table", "_reader", "_kept")
"""What is kept of the episodes of one view, and is another view's to find out."""


class Trajectories(Conversions, Epochs, Films, Recorded, Subsets):
    """One split of a dataset, or some of its episodes.

    `len` counts episodes; `dataset[3]` is an `Episode`, `dataset[0:5]` a view of five, with all that a split
    has, and `dataset["reward"]` the array of a column. The tables behind it are those of `datasets`,
    memory-mapped; nothing is read before it is asked for.

    Args:
        folder: the dataset folder.
        split: train or test; None: train, or the only one that there is.

    Attributes:
        folder: the dataset folder.
        split: which of its splits this is.
        manifest: what the dataset is and what it was made from.
    """

    _positions: Array | None = None
    """Which episodes of the split, by their place in its table; None: all."""

    def __init__(self, folder: Path, split: str | None = None) -> None:
        manifest = read_manifest(folder)
        chosen = choose_split(split, manifest.splits, folder)
        self._open(SplitTables(folder, manifest, chosen, manifest.spaces))

    def _open(self, tables: SplitTables) -> None:
        self._tables = tables
        self.folder: Path = tables.folder
        self.manifest: Manifest = tables.manifest
        self.split: str = tables.split
        self._spaces = tables.spaces

    def __repr__(self) -> str:
        return notebook.text(self._summary())

    def _repr_html_(self) -> str:
        whole = self._positions is None and self._tables.pictured
        return notebook.page(self._summary(), self.folder if whole else None)

    @property
    def stands_for_its_folder(self) -> bool:
        """Whether this is what `load` gives of a folder unless it is asked for less, or for more."""
        shown = self._tables.pictured and self._positions is None and self._thin is None and not self.frames
        return shown and self.split == choose_split(None, self.manifest.splits, self.folder)

    def _summary(self) -> notebook.Summary:
        return notebook.summary(self._tables, self._positions, self._thin, self.frames)

    @cached_property
    def transitions(self) -> datasets.Dataset:
        """The "transitions" config as `datasets` gives it: one row per step."""
        table = self._tables.transitions
        if self._thin is not None:
            return table.select(self._rows[self._kept])
        return table if self._positions is None else table.select(self._rows)

    @cached_property
    def episode_table(self) -> datasets.Dataset:
        """The "episodes" config as `datasets` gives it: one row per episode.

        `row_start` and `row_end` are rows of the split, in a view too.
        """
        table = self._tables.episodes
        return table if self._positions is None else table.select(self._positions)

    def __len__(self) -> int:
        return self._tables.count if self._positions is None else len(self._positions)

    @overload
    def __getitem__(self, index: int) -> Episode: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: str) -> Array: ...
    def __getitem__(self, index: int | slice | str) -> Episode | Self | Array:
        if isinstance(index, slice):
            return self._view(self._places[index])
        return self._column(index) if isinstance(index, str) else self.episode(index)

    def __iter__(self) -> Iterator[Episode]:
        return self.episodes()

    def episodes(self) -> Iterator[Episode]:
        """All episodes in their order, read one by one."""
        return (self.episode(index) for index in range(len(self)))

    def episode(self, index: int) -> Episode:
        """One episode; negative indices count from the end.

        Of an imported dataset, what its source does not say is NaN (the least number of an integer dtype) in
        rewards and the last observation, false in the flags, and 0 as the seed.
        """
        position = self._position(index)
        self._refuse_thinned("an episode of this dataset")
        return self._tables.episode(int(self._places[position]))

    @property
    def is_whole(self) -> bool:
        """Whether these are all steps of all episodes of a split, as its folder holds them."""
        everything = self._positions is None and self._thin is None and self.frames == 0
        return everything and self._tables.pictured

    def _position(self, index: int) -> int:
        """Which episode an index means; past the end it is an error that ends an iteration, as a list's."""
        try:
            return range(len(self))[operator.index(index)]
        except IndexError:
            raise IndexError(f"there is no episode {index}: {self.split} has {len(self)}") from None

    @property
    def _places(self) -> Array:
        """The episodes by their place in the split's table."""
        return np.arange(self._tables.count) if self._positions is None else self._positions

    def _view(self, positions: Array) -> Self:
        return self._changed(_positions=positions)

    def _changed(self, **changes: Any) -> Self:
        view = type(self).__new__(type(self))
        view.__dict__.update(self.__getstate__() | changes)
        return view

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another view or process: nothing that was read for this one."""
        return {name: value for name, value in self.__dict__.items() if name not in VIEWED}

    @cached_property
    def _rows(self) -> Array:
        """int64: the rows of the split that are steps of these episodes, in their order."""
        return steps_of(self._tables.bounds, self._places)

    def concat(self, *others: Trajectories) -> Trajectories:
        """These episodes and those of other datasets as one, numbered anew: `episode_index` counts from 0.

        It has the columns that all of them have, and nothing is copied. Join first and stack then.

        Raises:
            ConfigError: their observations or actions are of other spaces, or one comes stacked.
        """
        for one in (self, *others):
            one._refuse_thinned("a joined dataset")  # noqa: SLF001  (of its own kind)
            if isinstance(one, StackedTrajectories):
                raise ConfigError("stacked datasets cannot be joined", remedy="a.concat(b).stacked(frames)")
        joined = Trajectories.__new__(Trajectories)
        joined._open(JoinedTables([Part(one._tables, one._places) for one in (self, *others)]))  # noqa: SLF001  (of its own kind)
        return joined

    def sample(self, count: int, seed: int = 0) -> list[Episode]:
        """Episodes drawn without replacement, in the order of the draw.

        Raises:
            ConfigError: there are fewer.
        """
        if not 0 <= count <= len(self):
            raise ConfigError(f"{count} episodes cannot be drawn", expected=f"0 to {len(self)}")
        drawn = np.random.default_rng(seed).choice(len(self), count, replace=False)
        return [self.episode(int(index)) for index in drawn]

    def sample_episodes(self, count: int, seed: int = 0) -> list[Episode]:
        """The same as `sample`."""
        return self.sample(count, seed)

    def stacked(self, frames: int) -> Trajectories:
        """The same split with stacks of observations, [..., frames, *shape], oldest first.

        Zeros stand for what was before the episode, as in Stable-Baselines3's `VecFrameStack`. Nothing is
        read or copied before it is asked for.

        Raises:
            ConfigError: `frames` is not positive.
        """
        return StackedTrajectories(self, frames)

    def arrays(self) -> dict[str, Array]:
        """Every column of the transitions as one array [rows, ...], in its exact dtype.

        A column of a Dict or Tuple space comes as one array per leaf, e.g. `observation.position`.
        """
        return self._columns(self.column_names())

    def column_names(self) -> list[str]:
        """The columns of the transitions, as `arrays` gives them.

        Where only every k-th step is kept, `next_observation` is among them even if it is not stored.
        """
        return self.known_columns() if self._thin is not None else self._stored_columns()

    def known_columns(self) -> list[str]:
        """The columns that can be asked for: `next_observation` even where it is not stored."""
        stored = self._stored_columns()
        return [*stored, NEXT] if NEXT not in stored and self._tables.has_finals(self._positions) else stored

    def _stored_columns(self) -> list[str]:
        """The stored columns that all of these episodes have."""
        return self._tables.known_columns(self._positions)

    def _refuse_null(self, columns: Sequence[str]) -> None:
        """Refuse columns that some of these episodes of a merged dataset do not have.

        Raises:
            ConfigError: one is such.
        """
        lacking = self._tables.lacking(self._positions)
        if missing := [name for name in columns if name in lacking]:
            raise ConfigError(
                f"the sources of some of these episodes do not say {missing[0]!r}",
                remedy="filter(lambda episode: episode['source'] == ...) keeps those of one that does",
            )

    def _columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Some columns as `arrays` gives them; no others are read."""
        found = self._whole(names)
        return found if self._thin is None else {name: values[self._kept] for name, values in found.items()}

    def _whole(self, names: Sequence[str]) -> dict[str, Array]:
        """Some columns of every step of these episodes."""
        columns: dict[str, Array] = {}
        for name in names:
            if name in self._step_table.column_names:
                columns.update(leaf_columns(name, self._step_table[name], self._spaces))
            else:
                columns.update(self._next_observations())
        return columns

    def _next_observations(self) -> dict[str, Array]:
        """What each step led to, by the names of the leaves of `next_observation`."""
        observed = leaf_columns(OBSERVATION, self._step_table[OBSERVATION], self._spaces)
        lengths = np.diff(self._tables.bounds)[self._places]
        block = Block(observed, lengths, self._places, self._tables.finals(self._places))
        return block.following(np.arange(block.rows))

    @cached_property
    def _kept(self) -> Array:
        """int64: which of the steps of these episodes are kept, where not all are."""
        lengths = np.diff(self._tables.bounds)
        if self._thin is None:
            return np.arange(len(self._rows))
        return self._thin.kept(self._thin.offsets(lengths)[self._places], lengths[self._places])

    def _column(self, name: str) -> Array:
        """One array, by its name in `arrays`.

        Raises:
            ConfigError: there is no such column, or it is several arrays.
        """
        column, known = column_of(name), self.known_columns()
        self._refuse_null([column])
        if column not in known:
            raise ConfigError(f"the dataset has no column {name!r}", remedy=suggest(name, known))
        found = self._columns([column])
        if name not in found:
            names = ", ".join(map(repr, found))
            raise ConfigError(f"the column {name!r} is not one array", remedy=f"ask for one of {names}")
        return found[name]

    def _finals(self, last: Sequence[Array]) -> Sequence[Array]:
        return from_arrow(self._spaces[0], self._episode_table["final_observation"])

    @cached_property
    def _step_table(self) -> pa.Table:
        return rows_of(self._tables.transitions, self._runs_of_steps())

    @cached_property
    def _episode_table(self) -> pa.Table:
        places = self._places
        return rows_of(self._tables.episodes, runs(places, places + 1))

    def _runs_of_steps(self) -> list[Run]:
        if self._positions is None:
            return [(0, len(self._tables.transitions))]
        bounds = self._tables.bounds
        return runs(bounds[self._positions], bounds[self._positions + 1])


def choose_split(wanted: str | None, known: Iterable[str], folder: Path) -> str:
    """The split that is wanted; None: train, or the only one that there is.

    Raises:
        ConfigError: there is none of this name, or several without train.
    """
    names = sorted(known)
    chosen = wanted or ("train" if "train" in names or len(names) != 1 else names[0])
    if chosen not in names:
        raise ConfigError(f"{folder} has no split {chosen!r}", remedy=suggest(chosen, names))
    return chosen


class StackedTrajectories(Trajectories):
    """A split whose observations come stacked, with a new axis before their own: [..., frames, *shape].

    Args:
        single: the split as it is.
        frames: how many observations make one.
    """

    def __init__(self, single: Trajectories, frames: int) -> None:
        if frames < 1:
            raise ConfigError("frames of a stack", expected="at least 1", got=frames)
        self.__dict__.update(single.__dict__)
        self.frames = frames
        self._reader = None

    def episode(self, index: int) -> Episode:
        """One episode; its observations are [T + 1, frames, *shape]."""
        episode = super().episode(index)
        space: gym.Space[Any] = self._spaces[0]
        steps = np.arange(len(episode.rewards) + 1)
        observed = [stack(leaf.pick(episode.observations), steps, self.frames) for leaf in leaves(space)]
        return dataclasses.replace(episode, observations=assemble(space, observed))

    def _whole(self, names: Sequence[str]) -> dict[str, Array]:
        needed = dict.fromkeys([*names, "step_index", *(name.removeprefix("next_") for name in names)])
        found = stack_columns(
            super()._whole([name for name in needed if name in self.known_columns()]), self.frames
        )
        return {name: values for name, values in found.items() if column_of(name) in names}

    def _finals(self, last: Sequence[Array]) -> Sequence[Array]:
        finals = super()._finals(last)
        return [
            np.concatenate([before[:, 1:], final[:, None]], axis=1)
            for before, final in zip(last, finals, strict=True)
        ]
