"""What one item of a batch is, where it is more than a step: every k-th one, n-step returns, sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from builder.dataset.columns import column_of
from builder.episodes.spaces import Array
from builder.errors import ConfigError
from builder.loading.batches import Columns, Window, chosen
from builder.loading.blocks import NEXT, OBSERVATION, Block

MASK, TIMESTEP, RETURN_TO_GO, DISCOUNT = "mask", "timestep", "return_to_go", "discount"
PADS = ("left", "right")


class Shape(Protocol):
    """What an item is made of."""

    @property
    def item_steps(self) -> int:
        """The steps of one."""

    @property
    def offered(self) -> tuple[str, ...]:
        """The columns that it has beside the stored ones, all of which come unless some are chosen."""

    @property
    def always(self) -> tuple[str, ...]:
        """Those of them that come in any case."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The stored columns that it cannot do without."""

    def items(self, block: Block, wanted: Sequence[str]) -> Window:
        """The items of some episodes.

        Args:
            block: the episodes.
            wanted: the columns that are given.
        """


def wanted_columns(
    shape: Shape, columns: Sequence[str] | None, stored: Sequence[str], *, finals: bool
) -> list[str]:
    """The columns of a batch.

    Args:
        shape: of its items.
        columns: those that are asked for; None: all.
        stored: the columns of the transitions.
        finals: whether final observations are known, so that `next_observation` is.

    Raises:
        ConfigError: there is no such column, or the dataset does not have what the shape needs.
    """
    if missing := [name for name in shape.needed if name not in stored and not (name == NEXT and finals)]:
        raise ConfigError(
            f"such batches need {', '.join(missing)}, which the dataset does not have",
            remedy="its source did not say; take plain batches",
        )
    offered = [name for name in shape.offered if name != RETURN_TO_GO or "reward" in stored]
    following = [NEXT] if finals and NEXT not in stored else []
    everything = [*stored, *offered, *(following if NEXT in shape.needed else ())]
    wanted = chosen(columns, [*everything, *(name for name in following if name not in everything)])
    wanted = [name for name in wanted if columns is not None or name in everything]
    return list(dict.fromkeys([*wanted, *shape.always]))


def read_columns(shape: Shape, wanted: Sequence[str], stored: Sequence[str]) -> list[str]:
    """The stored columns that have to be read: observations stand for those that follow them."""
    names = dict.fromkeys([*wanted, *shape.needed, *(["reward"] if RETURN_TO_GO in wanted else [])])
    found = [OBSERVATION if name == NEXT else name for name in names]
    known = [name for name in dict.fromkeys(found) if name in stored]
    return known or [stored[0]]


@dataclass(frozen=True)
class Steps:
    """Single steps: `every` k-th one of each episode, from an offset that the seed draws for it.

    Attributes:
        every: 1: all of them.
        seed: of the offsets.
    """

    every: int = 1
    seed: int = 0
    item_steps: int = 1
    offered: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.every, bool) or self.every < 1:
            raise ConfigError("every", expected="at least 1", got=self.every)

    def offsets(self, lengths: Array) -> Array:
        """int64: the first step that is kept, of every episode of a split.

        Args:
            lengths: int64: the steps of every one of them.
        """
        offsets: Array = np.random.default_rng([self.seed, 1]).integers(0, np.minimum(self.every, lengths))
        return offsets

    def counts(self, lengths: Array) -> Array:
        """int64: how many steps are kept, of every episode of a split."""
        counts: Array = -((self.offsets(lengths) - lengths) // self.every)
        return counts

    def kept(self, offsets: Array, lengths: Array) -> Array:
        """int64: the rows that are kept, of episodes one after the other.

        Args:
            offsets: of these episodes.
            lengths: likewise.
        """
        begin = np.cumsum(lengths) - lengths
        step = np.arange(lengths.sum()) - np.repeat(begin + offsets, lengths)
        return np.flatnonzero((step >= 0) & (step % self.every == 0))

    def items(self, block: Block, wanted: Sequence[str]) -> Window:
        """All steps of some episodes."""
        return Rows(block, np.arange(block.rows), wanted)


@dataclass(frozen=True)
class Rows:
    """Steps with what they led to, taken from whole episodes.

    Attributes:
        block: the episodes.
        kept: int64: which of their rows are steps of the window.
        wanted: the columns that are given.
    """

    block: Block
    kept: Array
    wanted: Sequence[str]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.kept)

    def take(self, rows: Array) -> Columns:
        return taken(self.block, self.kept[rows], self.wanted)


def taken(block: Block, rows: Array, wanted: Sequence[str], ahead: Array | int = 1) -> Columns:
    """Some rows of the wanted columns, in their order; those that are not there are left out.

    Args:
        block: whole episodes.
        rows: int, of any shape.
        wanted: the names of columns.
        ahead: how many steps after a row its next observation is.
    """
    found: Columns = {}
    for column in wanted:
        if column == NEXT:
            found.update(block.following(rows, ahead))
            continue
        for name in block.columns:
            if column_of(name) == column:
                found[name] = block.take(name, rows)
    return found


@dataclass(frozen=True)
class NStep:
    """Steps with the rewards of n of them, and what they led to.

    Attributes:
        n: how many; fewer at the end of an episode.
        gamma: the discount of each further one.
    """

    n: int
    gamma: float
    item_steps: int = 1
    offered: tuple[str, ...] = (DISCOUNT,)
    always: tuple[str, ...] = (DISCOUNT,)
    needed: tuple[str, ...] = ("reward", "terminated", NEXT)

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or self.n < 1:
            raise ConfigError("n_step", expected="at least 1", got=self.n)
        if not 0 <= self.gamma <= 1:
            raise ConfigError("gamma", expected="a number in [0, 1]", got=self.gamma)

    def items(self, block: Block, wanted: Sequence[str]) -> Window:
        """One of each step of some episodes."""
        return NStepRows(block, self, wanted)


@dataclass(frozen=True)
class NStepRows:
    """See `NStep`.

    Attributes:
        block: the episodes.
        shape: how many steps, and their discount.
        wanted: the columns that are given.
    """

    block: Block
    shape: NStep
    wanted: Sequence[str]

    @property
    def rows(self) -> int:
        """How many: every step begins one."""
        return self.block.rows

    def take(self, rows: Array) -> Columns:
        ahead = np.minimum(self.shape.n, self.block.left[rows])
        found = taken(self.block, rows, self.wanted, ahead)
        total, factor = np.zeros(len(rows)), np.ones(len(rows))
        for step in range(int(ahead.max(initial=0))):
            within = step < ahead
            total[within] += factor[within] * self.block.columns["reward"][rows[within] + step]
            factor[within] *= self.shape.gamma
        last = rows + ahead - 1
        ends: Columns = {
            name: self.block.columns[name][last] for name in ("terminated", "truncated") if name in found
        }
        discount = np.where(self.block.columns["terminated"][last], 0.0, factor)
        made: Columns = {**found, **ends, "reward": total, DISCOUNT: discount}
        return {name: made[name] for name in _in_order(found, self.wanted)}


def _in_order(found: Columns, wanted: Sequence[str]) -> list[str]:
    """The names of arrays, those that are made later where they are wanted."""
    names: list[str] = []
    for column in wanted:
        names += [name for name in found if column_of(name) == column] or [column]
    return names


@dataclass(frozen=True)
class Sequences:
    """Steps that follow each other in an episode, for sequence models.

    Attributes:
        length: how many.
        pad: None: whole ones alone; "left": one that ends with each step, zeros before the episode; "right":
            one that begins with each, zeros after it.
    """

    length: int
    pad: str | None = None
    offered: tuple[str, ...] = (TIMESTEP, RETURN_TO_GO, MASK)
    always: tuple[str, ...] = (MASK,)
    needed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.length, bool) or self.length < 1:
            raise ConfigError("window", expected="at least 1", got=self.length)
        if self.pad is not None and self.pad not in PADS:
            raise ConfigError("pad", expected="left, right or None", got=repr(self.pad))

    @property
    def item_steps(self) -> int:
        """The steps of one."""
        return self.length

    def items(self, block: Block, wanted: Sequence[str]) -> Window:
        """Those of some episodes."""
        more: Columns = {}
        if TIMESTEP in wanted:
            more[TIMESTEP] = block.step
        if RETURN_TO_GO in wanted:
            more[RETURN_TO_GO] = returns_to_go(block.columns["reward"], block.lengths)
        known = Block({**block.columns, **more}, block.lengths, block.places, block.finals)
        return SequenceRows(known, self, wanted)


def returns_to_go(rewards: Array, lengths: Array) -> Array:
    """float64 [rows]: the rewards from each step to the end of its episode, summed from the end.

    Args:
        rewards: [rows], one episode after the other.
        lengths: int64 [episodes].
    """
    found = np.empty(len(rewards))
    begin = 0
    for length in lengths.tolist():
        part = slice(begin, begin + length)
        found[part] = np.cumsum(rewards[part][::-1])[::-1]
        begin += length
    return found


@dataclass(frozen=True)
class SequenceRows:
    """See `Sequences`.

    Attributes:
        block: the episodes.
        shape: how long a sequence is, and how it is padded.
        wanted: the columns that are given.
    """

    block: Block
    shape: Sequences
    wanted: Sequence[str]

    @cached_property
    def _anchors(self) -> Array:
        """The rows that sequences end with, where they are padded on the left; else those they begin with."""
        return np.flatnonzero(self.block.left >= (self.shape.length if self.shape.pad is None else 1))

    @property
    def rows(self) -> int:
        """How many."""
        return len(self._anchors)

    def take(self, rows: Array) -> Columns:
        length, anchors = self.shape.length, self._anchors[rows]
        places = anchors[:, None] + np.arange(length)
        if self.shape.pad == "left":
            places -= length - 1
            first = (anchors - self.block.step[anchors])[:, None]
            mask = places >= first
            np.maximum(places, first, out=places)
        else:
            last = (anchors + self.block.left[anchors] - 1)[:, None]
            mask = places <= last
            np.minimum(places, last, out=places)
        found = taken(self.block, places, self.wanted)
        if not mask.all():
            for values in found.values():
                values[~mask] = 0
        found[MASK] = mask
        return {name: found[name] for name in _in_order(found, self.wanted)}
