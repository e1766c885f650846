"""The epochs of a split: the method of `Trajectories` that gives batches, and what it reads from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.episodes.declared import TEXT
from builder.episodes.spaces import Array
from builder.errors import ConfigError
from builder.loading.absorbing import Absorbing, AbsorbingRows, check_spaces
from builder.loading.batches import MEMORY, Columns, Plain, PlainReader, Reader, Window, epoch
from builder.loading.blocks import NEXT, Block, BlockReader, Episodes
from builder.loading.selected import SelectedReader
from builder.loading.shapes import NStep, Rows, Sequences, Shape, Steps, read_columns, wanted_columns
from builder.loading.split_tables import SplitTables
from builder.loading.stacking import StackedReader

if TYPE_CHECKING:
    import torch


class Epochs(ABC):
    """Shuffled steps, n-step returns and sequences, in memory or streamed."""

    frames: int = 0
    """How many observations come stacked; 0: they are single."""
    _tables: SplitTables
    _positions: Array | None
    _thin: Steps | None = None
    """Which steps of each episode are kept; None: all."""
    _reader: tuple[Any, Reader] | None = None
    """What `batches` reads from, kept for the next epoch with what it was opened for."""

    @property
    @abstractmethod
    def _places(self) -> Array:
        """The episodes by their place in the split's table."""

    @abstractmethod
    def column_names(self) -> list[str]:
        """The columns of the transitions."""

    @abstractmethod
    def _stored_columns(self) -> list[str]:
        """The stored columns that all of these episodes have."""

    @abstractmethod
    def _refuse_null(self, columns: Sequence[str]) -> None:
        """Refuse columns that some of these episodes of a merged dataset do not have."""

    @property
    @abstractmethod
    def _rows(self) -> Array:
        """int64: the rows of the split that are steps of these episodes, in their order."""

    def batches(  # noqa: PLR0913  (all but the first have a keyword)
        self,
        size: int,
        *,
        seed: int | None = None,
        columns: Sequence[str] | None = None,
        drop_last: bool = False,
        memory: int = MEMORY,
        n_step: int | None = None,
        gamma: float | None = None,
        window: int | None = None,
        pad: str | None = None,
        absorbing: bool = False,
    ) -> Iterator[dict[str, torch.Tensor]]:
        """One epoch: every step once, as batches of tensors with the dtypes and names of `tensors`.

        Where the columns fit into `memory` they are read once and kept with this object, and the shuffle is
        over all steps. Else row groups are drawn by chance, as many as fit at a time, and shuffled together.

        With `n_step` and `gamma`, `reward` is the discounted sum of the next n rewards, and
        `next_observation`, `terminated` and `truncated` are those after the last of them; none crosses the
        end of an episode. `discount` is what the value of `next_observation` counts: gamma to the power of
        the steps summed, also where a limit cut the episode off, and 0 where it was terminated.

        With `window`, values are [batch, window, ...]: steps that follow each other in an episode, also
        `timestep` (the step within the episode), `return_to_go` (the rewards from a step to the episode's
        end, float64) and `mask` (false where nothing was and zeros stand).

        With `absorbing`, an episode that was terminated goes on in a state that is never left: vectors have
        one more number, 1 there and 0 everywhere else; its last step leads there, one more step stays there
        (a zero action, reward 0, `absorbing` true), and `terminated` is false throughout.

        Args:
            size: steps of a batch, or windows; the last one holds what is left.
            seed: of the shuffle, another one for each epoch; None: the stored order. The same seed and
                `memory` give the same batches on every machine.
            columns: those that are wanted, e.g. `["observation", "action"]`; None: all but texts.
                `next_observation` can be asked for whether it is stored or not.
            drop_last: leave out a last batch of fewer steps.
            memory: bytes that the steps in memory may take.
            n_step: so many rewards are summed.
            gamma: the discount of each further one.
            window: so many steps follow each other.
            pad: None: windows that lie within an episode whole; "left": one that ends with each step, zeros
                before the episode; "right": one that begins with each step, zeros after it.
            absorbing: add absorbing states.

        Raises:
            ConfigError: there is no such column, `size` is not positive, or what is asked for does not go
                together.
            DatasetError: the files are missing or damaged.
        """
        shape = shape_of(window, pad, n_step, gamma, absorbing=absorbing)
        key = (shape, None if columns is None else tuple(columns))
        if self._reader is None or self._reader[0] != key:
            self._reader = (key, self._open_reader(columns, shape))
        return epoch(self._reader[1], size, seed=seed, drop_last=drop_last, memory=memory)

    def _open_reader(self, columns: Sequence[str] | None, shape: Shape | None) -> Reader:
        self._refuse_null(columns or ())
        self._refuse_texts(columns or ())
        stored = self._batched_columns()
        derived = columns is not None and NEXT in columns and NEXT not in stored
        if shape is not None or derived or self._thin is not None:
            return self._block_reader(columns, shape or self._thin or Steps(), stored)
        return (
            StackedReader(self._plain_reader, self.frames, columns)
            if self.frames
            else self._plain_reader(columns)
        )

    def _texts(self) -> set[str]:
        """The columns of which no tensor can be made."""
        return {column.name for column in self._tables.spaces.declared if column.kind == TEXT}

    def _batched_columns(self) -> list[str]:
        return [name for name in self._stored_columns() if name not in self._texts()]

    def _refuse_texts(self, columns: Sequence[str]) -> None:
        if named := sorted({*columns} & self._texts()):
            raise ConfigError(
                f"{named[0]} holds texts, of which no tensor can be made", remedy="take it from arrays()"
            )

    def _plain_reader(self, columns: Sequence[str] | None) -> PlainReader:
        if columns is None and (self._texts() or self._tables.lacking(self._positions)):
            columns = self._batched_columns()
        reader = self._tables.reader(columns)
        return reader if self._positions is None else SelectedReader(reader, self._rows)

    def _block_reader(self, columns: Sequence[str] | None, shape: Shape, stored: Sequence[str]) -> Reader:
        if isinstance(shape, Absorbing):
            check_spaces(self._tables.spaces, self.frames)
        elif self._thin is not None and shape is not self._thin:
            raise ConfigError(
                f"every={self._thin.every} keeps single steps, and such batches need those between",
                remedy="leave every= out",
            )
        if self.frames and isinstance(shape, Sequences):
            raise ConfigError("a window holds the steps before anyway", remedy="take it without stacked()")
        if columns is None and self._thin is not None:
            names = [name for name in self.column_names() if name not in self._texts()]
            columns = list(dict.fromkeys([*names, *shape.offered]))
        finals = self._tables.has_finals(self._positions)
        wanted = wanted_columns(shape, columns, stored, finals=finals)
        lengths = np.diff(self._tables.bounds)
        places = self._places
        return BlockReader(
            self._tables.reader(read_columns(shape, wanted, stored)),
            Episodes(places, lengths[places], self._rows),
            partial(_finals, self._tables, wanted=finals and NEXT in (*wanted, *shape.needed)),
            partial(_items, shape, wanted)
            if self._thin is None
            else partial(_thinned, shape, self._thin, self._thin.offsets(lengths), wanted),
            frames=self.frames,
            item_steps=shape.item_steps,
        )


def _finals(tables: SplitTables, places: Array, *, wanted: bool) -> Columns:
    return tables.finals(places) if wanted else {}


def _items(shape: Shape, wanted: Sequence[str], block: Block) -> Window:
    return shape.items(block, wanted)


def _thinned(shape: Shape, kept: Steps, offsets: Array, wanted: Sequence[str], block: Block) -> Window:
    """At once, so that the steps between do not stay in memory."""
    rows = kept.kept(offsets[block.places], block.lengths)
    window = AbsorbingRows(block, rows, wanted) if isinstance(shape, Absorbing) else Rows(block, rows, wanted)
    return Plain(window.take(np.arange(window.rows)), window.rows)


def shape_of(
    window: int | None, pad: str | None, n_step: int | None, gamma: float | None, *, absorbing: bool
) -> Shape | None:
    """What is asked for; None: plain steps.

    Raises:
        ConfigError: two things at a time, or one without what it takes.
    """
    kinds = {"window": window is not None, "n_step": n_step is not None, "absorbing": absorbing}
    if sum(kinds.values()) > 1:
        asked = " and ".join(name for name, wanted in kinds.items() if wanted)
        raise ConfigError(f"{asked} are different kinds of batches", remedy="give one of them")
    if window is None and pad is not None:
        raise ConfigError("pad belongs to a window", remedy="give window= as well")
    if (n_step is None) != (gamma is None):
        raise ConfigError(
            "n_step and gamma belong together", remedy="give both, such as n_step=3, gamma=0.99"
        )
    if n_step is not None and gamma is not None:
        return NStep(n_step, gamma)
    if absorbing:
        return Absorbing()
    return None if window is None else Sequences(window, pad)
