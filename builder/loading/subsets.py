"""Some episodes of a split: drawn by a seed, listed, split in two, filtered, or several datasets joined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ConfigError, suggest
from builder.loading.shapes import Steps
from builder.loading.split_tables import SplitTables

if TYPE_CHECKING:
    import pyarrow as pa

Wanted = int | float | Sequence[int]
"""So many episodes, such a share of them, or these `episode_index`."""


class Subsets(ABC):
    """What gives the same with other episodes."""

    _tables: SplitTables
    _thin: Steps | None

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def _places(self) -> Array:
        """The episodes by their place in the split's table."""

    @property
    @abstractmethod
    def _episode_table(self) -> pa.Table:
        """Their rows."""

    @abstractmethod
    def _changed(self, **changes: Any) -> Self:
        """The same with other attributes, and nothing that was read for this one."""

    @abstractmethod
    def _view(self, positions: Array) -> Self:
        """The same with only some episodes of the split, in that order."""

    def subset(self, episodes: Wanted, *, seed: int = 0) -> Self:
        """A view of a few episodes, for experiments with few demonstrations.

        Drawn ones are the first of one permutation: with the same seed, five are among the first ten. They
        stay in their order here.

        Args:
            episodes: so many (10), a share of them (0.1, rounded, at least one), or a list of
                `episode_index`, in whose order they come.
            seed: of the draw.

        Raises:
            ConfigError: there are fewer, or there is no such episode.
        """
        if isinstance(episodes, (int, float, np.integer, np.floating)):
            return self._view(self._places[drawn(len(self), episodes, seed)])
        numbers = self._episode_table["episode_index"].to_numpy()
        places = {int(number): place for place, number in enumerate(numbers)}
        wanted = [int(number) for number in episodes]
        if missing := [number for number in wanted if number not in places]:
            held = f"{min(places)} to {max(places)}" if places else "none"
            raise ConfigError(
                f"there is no episode {missing[0]} in the split {self._tables.split!r}",
                expected=f"some of its {len(places)} episode_index: {held}",
            )
        if len(set(wanted)) < len(wanted):
            raise ConfigError("an episode is wanted twice", got=wanted[:20], remedy="list each once")
        return self._view(self._places[[places[number] for number in wanted]])

    def every(self, steps: int, *, seed: int = 0) -> Self:
        """A view of every so many-th step of each episode, as the literature thins out demonstrations.

        Each step keeps its true `next_observation` and flags. Where in an episode the first one lies is drawn
        by the seed, whatever other episodes are looked at; every episode keeps at least one. There are no
        whole episodes in such a view.

        Args:
            steps: 20: one step in twenty.
            seed: of the draw.

        Raises:
            ConfigError: `steps` is not positive, or the steps are thinned out already.
        """
        if self._thin is not None:
            raise ConfigError("the steps are thinned out already", remedy="give every= once")
        return self._changed(_thin=Steps(steps, seed))

    def divide(self, fraction: float, *, seed: int = 0) -> tuple[Self, Self]:
        """Two views that share no episode: such a share of them, drawn by the seed, and the others.

        The first one is what `subset` gives for the same share and seed.

        Args:
            fraction: of the episodes, between 0 and 1, rounded.
            seed: of the draw.

        Raises:
            ConfigError: one of them would be empty.
        """
        if isinstance(fraction, bool) or not 0 < fraction < 1:
            raise ConfigError("the share of a split", expected="a number between 0 and 1", got=fraction)
        first = drawn(len(self), float(fraction), seed)
        rest = np.setdiff1d(np.arange(len(self)), first)
        if not len(rest):
            raise ConfigError(
                f"{len(self)} episodes cannot be split", got=fraction, remedy="take another share"
            )
        return self._view(self._places[first]), self._view(self._places[rest])

    def filter(self, keep: Callable[[Mapping[str, Any]], object]) -> Self:
        """A view of the episodes that a function is true of.

        `dataset.filter(lambda episode: episode["episode_return"] >= 200 and episode["terminated"])`

        Args:
            keep: is given an episode's row of `episode_table`, without its final observation.

        Raises:
            ConfigError: it asks for a column that there is not.
        """
        table = self._episode_table
        names = [name for name in table.column_names if name != "final_observation"]
        rows = table.select(names).to_pylist()
        kept = [place for place, row in enumerate(rows) if keep(_Row(row))]
        return self._view(self._places[np.array(kept, np.int64)])


class _Row(dict[str, Any]):
    """An episode's row."""

    def __missing__(self, name: str) -> Any:
        raise ConfigError(f"the episodes have no column {name!r}", remedy=suggest(name, self))


def drawn(count: int, wanted: float, seed: int) -> Array:
    """Some of so many, in ascending order: the first ones of one permutation.

    Args:
        count: how many there are.
        wanted: so many; as a float, such a share of them.
        seed: of the permutation.

    Raises:
        ConfigError: there are fewer, or it is no share.
    """
    if isinstance(wanted, (int, np.integer)):
        if isinstance(wanted, bool) or not 1 <= wanted <= count:
            raise ConfigError("episodes of a subset", expected=f"1 to {count}", got=wanted)
        most = int(wanted)
    else:
        if not 0 < wanted <= 1:
            raise ConfigError("a share of the episodes", expected="a number in (0, 1]", got=wanted)
        most = min(count, max(1, round(float(wanted) * count)))
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])
