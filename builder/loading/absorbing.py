"""Steps with absorbing states, for adversarial imitation.

As in Discriminator-Actor-Critic (Kostrikov et al., 2019, https://arxiv.org/abs/1809.02925) and its
code: without them, what happens after an episode was terminated counts as a reward of zero, whatever the
learned reward is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Spaces
from builder.errors import ConfigError
from builder.loading.batches import Columns, Window
from builder.loading.blocks import NEXT, OBSERVATION, Block
from builder.loading.shapes import taken

ABSORBING = "absorbing"


@dataclass(frozen=True)
class Absorbing:
    """Single steps, and one more of each episode that was terminated: see `Epochs.batches`."""

    item_steps: int = 1
    offered: tuple[str, ...] = (ABSORBING,)
    always: tuple[str, ...] = (ABSORBING,)
    needed: tuple[str, ...] = ("terminated", NEXT)

    def items(self, block: Block, wanted: Sequence[str]) -> Window:
        """Those of some episodes."""
        return AbsorbingRows(block, np.arange(block.rows), wanted)


@dataclass(frozen=True)
class AbsorbingRows:
    """See `Absorbing`.

    Attributes:
        block: the episodes.
        kept: int64: which of their rows are steps of the window.
        wanted: the columns that are given.
    """

    block: Block
    kept: Array
    wanted: Sequence[str]

    @cached_property
    def _sources(self) -> Array:
        """int64: the rows of the steps, then those that led to an absorbing state."""
        return np.concatenate([self.kept, np.flatnonzero(self.block.columns["terminated"])])

    @property
    def rows(self) -> int:
        """How many."""
        return len(self._sources)

    def take(self, rows: Array) -> Columns:
        sources, stays = self._sources[rows], rows >= len(self.kept)
        found = taken(self.block, sources, [name for name in self.wanted if name != ABSORBING])
        leads = self.block.columns["terminated"][sources]
        for name, there in ((OBSERVATION, stays), (NEXT, leads)):
            if name in found:
                found[name] = _marked(found[name], there)
        for name in ("action", "reward", "terminated", "truncated"):
            if name in found:
                found[name][stays] = 0
        if "terminated" in found:
            found["terminated"][:] = False
        if "step_index" in found:
            found["step_index"][stays] += 1
        found[ABSORBING] = stays
        return {name: found[name] for name in self.wanted}


def _marked(values: Array, there: Array) -> Array:
    """Vectors with one more number: 1 where the state is the absorbing one, all of whose others are 0."""
    marked = np.concatenate([values, np.zeros((len(values), 1), values.dtype)], axis=1)
    marked[there] = 0
    marked[there, -1] = 1
    return marked


def check_spaces(spaces: Spaces, frames: int) -> None:
    """Refuse what has no absorbing state of this kind.

    Raises:
        ConfigError: observations or actions are no vectors of numbers, or come stacked.
    """
    for space, what in zip(spaces, ("observations", "actions"), strict=True):
        vector = isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and space.dtype.kind == "f"
        if not vector or frames:
            raise ConfigError(
                f"absorbing states are made of vectors, and the {what} are none",
                expected="a Box of one axis of floats, not stacked",
                got=f"{space}"[:200],
                remedy="leave absorbing= out",
            )
