"""The actor of a foreign policy: arrays of all lanes on one side, single observations on the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.spaces import Array, assemble
from builder.experts.actor import action_columns, checked_action, stack_actions
from builder.experts.foreign import ForeignPlayer, ForeignPolicy


class PredictActor:
    """Asks a foreign policy, one observation at a time unless it is `batched`.

    Args:
        player: its recipe; it is called with keywords, of which `obs` may be called `observation`.
        observation_space: what the environment gives.
        action_space: what the environment takes.

    Raises:
        ExpertError: it cannot be had, or has no `predict`.
    """

    def __init__(
        self, player: ForeignPlayer, observation_space: gym.Space[Any], action_space: gym.Space[Any]
    ) -> None:
        self._policy = ForeignPolicy(player)
        self._observation_space = observation_space
        self._columns = action_columns(action_space)
        self._plain = not isinstance(observation_space, gym.spaces.Dict | gym.spaces.Tuple)

    def begin(self, lane: int, context: Context) -> None:
        self._policy.begin(lane, context)

    def memory(self, lane: int) -> Any:
        return self._policy.memory(lane)

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        self._policy.resume(lane, memory)

    def act(
        self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> Sequence[Array]:
        if self._policy.batched:
            return self._act_batch(observations, len(lanes), masks)
        each = repeat(None) if masks is None else masks.copy()
        asked = map(self._policy.ask, lanes, self._one_by_one(observations, len(lanes)), each)
        return stack_actions(self._columns, asked, len(lanes))

    def _one_by_one(self, observations: Sequence[Array], rows: int) -> Iterator[Any]:
        """Copies of the observations: the policy may keep what it is given, the recorder's are used again."""
        if self._plain:
            yield from map(np.array, observations[0])
            return
        for row in range(rows):
            yield assemble(self._observation_space, [np.array(leaf[row]) for leaf in observations])

    def end(self) -> None:
        self._policy.end()

    def _act_batch(self, observations: Sequence[Array], rows: int, masks: Array | None) -> Sequence[Array]:
        batch = assemble(self._observation_space, [leaf.copy() for leaf in observations])
        actions = self._policy.ask_all(batch, None if masks is None else masks.copy())
        return [
            np.array(checked_action(column, actions, (rows, *column.leaf.shape))) for column in self._columns
        ]
