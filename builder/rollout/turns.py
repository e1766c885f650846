"""Who plays at which step, where another policy than the expert plays too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from builder.episodes.context import Context
from builder.episodes.seeding import SWITCH, stream_generator
from builder.episodes.spaces import Array
from builder.episodes.switch import Switch


class Turns:
    """Whose turn it is, for all lanes of a worker.

    Args:
        switch: when the other policy plays.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._lanes: dict[int, _Turn] = {}

    def begin(self, lane: int, context: Context) -> None:
        """An attempt starts on this lane."""
        self._lanes[lane] = _Turn(self._switch, stream_generator(context.root_seed, context.index, SWITCH))

    def others(self, lanes: Sequence[int]) -> Array:
        """Bool [rows]: in which lanes the other policy plays this step."""
        return np.array([self._lanes[lane].next() for lane in lanes], np.bool_)


class _Turn:
    """Whose turn it is in one attempt; two draws are made for each step, whoever plays."""

    def __init__(self, switch: Switch, rng: np.random.Generator) -> None:
        self._switch, self._rng = switch, rng
        self._left = self._length(rng.random()) if switch.probability is None else 0

    def next(self) -> bool:
        chance, length = self._rng.random(2)
        if not self._left and self._switch.probability is not None and chance < self._switch.probability:
            self._left = self._length(length)
        other = self._left > 0
        self._left = max(0, self._left - 1)
        return other

    def _length(self, drawn: float) -> int:
        least, most = self._switch.steps or (1, 1)
        return least + int(drawn * (most - least + 1))
