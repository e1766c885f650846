"""Lanes of the vector environment that is registered beside an environment (`EnvSpec.vector_entry_point`).

It has to take a seed for each lane and to reset some lanes while others go on, as gymnasium's own
`SyncVectorEnv` does: `reset(seed=[...], options={"reset_mask": ...})`. Whether it does, and whether its
numbers are those of the environment alone, `builder.environments.alike` finds out.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from builder.environments.environment import EnvironmentSpec, registration
from builder.environments.lanes import Begun, RowError, Stepped, refuse_to_be_asked
from builder.environments.stepping import whole_column
from builder.episodes.spaces import Array, assemble, leaves
from builder.errors import EnvironmentError_, SpaceError
from builder.values import resolved


class VectorLanes:
    """Lanes of a registered vector environment.

    Args:
        spec: the environment.
        count: how many lanes it has; those that play nothing are stepped too.

    Raises:
        EnvironmentError_: it cannot be made, or resets lanes within a step.
    """

    def __init__(self, spec: EnvironmentSpec, count: int) -> None:
        self._environment = _made(spec, count)
        self.count = count
        self.observation_space = self._environment.single_observation_space
        self.action_space = self._environment.single_action_space
        self._leaves = leaves(self.observation_space, "observation space")
        self._action_leaves = leaves(self.action_space, "action space")
        self._seen: Any = None
        self._over = np.ones(count, np.bool_)
        self._arranged: Array = np.empty(0, np.int64)

    def ready(self, lane: int) -> None:
        """Nothing is made for a single attempt."""

    def begin(self, seeds: Mapping[int, int]) -> Mapping[int, Begun]:
        if seeds:
            self._reset(seeds)
        columns = self._columns() if seeds else []
        return {lane: Begun(tuple(column[lane].copy() for column in columns)) for lane in seeds}

    def _reset(self, seeds: Mapping[int, int]) -> None:
        fresh = np.zeros(self.count, np.bool_)
        fresh[list(seeds)] = True
        options = {} if self._seen is None else {"options": {"reset_mask": fresh}}
        whole: Any = [seeds.get(lane, 0) for lane in range(self.count)]
        self._seen, _ = self._environment.reset(seed=whole, **options)
        self._over &= ~fresh

    def arrange(self, lanes: Sequence[int]) -> None:
        self._arranged = np.array(lanes, np.int64)

    def step(self, actions: Sequence[Array]) -> Stepped:
        if self._over.any():  # what is over must not be stepped, and nobody looks at these
            self._reset(dict.fromkeys(np.flatnonzero(self._over).tolist(), 0))
        placed = [
            np.full((self.count, *leaf.shape), getattr(leaf.space, "start", 0), leaf.dtype)
            for leaf in self._action_leaves
        ]
        for whole, column in zip(placed, actions, strict=True):
            whole[self._arranged] = column
        answer = self._environment.step(assemble(self.action_space, placed))
        self._seen, rewards, terminated, truncated = answer[:4]
        terminated, truncated = np.asarray(terminated), np.asarray(truncated)
        self._over = terminated | truncated
        rows = np.flatnonzero(self._over[self._arranged]).tolist()
        lanes = self._arranged.tolist()
        return Stepped(
            np.asarray(rewards, np.float64)[self._arranged],
            [(row, bool(terminated[lanes[row]]), bool(truncated[lanes[row]])) for row in rows],
        )

    def observe(self, columns: Sequence[Array]) -> None:
        for column, values in zip(columns, self._columns(), strict=True):
            column[:] = values[self._arranged]

    def _columns(self) -> list[Array]:
        try:
            return [whole_column(leaf, np.asarray(leaf.pick(self._seen))) for leaf in self._leaves]
        except SpaceError as error:
            raise RowError(0, error) from error

    def copy(self) -> None:
        """What lanes see is one array, which is copied as it is."""

    def environment(self, lane: int) -> gym.Env[Any, Any]:
        raise refuse_to_be_asked()

    def end(self, lane: int) -> None:
        """The lane plays on, and nobody looks, until it begins anew."""

    def discard(self, lane: int) -> None:
        """Likewise: whatever is left is forgotten then."""

    def close(self) -> None:
        self._environment.close()


def _made(spec: EnvironmentSpec, count: int) -> gym.vector.VectorEnv[Any, Any, Any]:
    registered = spec.registered or registration(spec.id, spec.folder)
    arguments = resolved(spec.kwargs)
    if registered.max_episode_steps is not None:  # the engine ends an episode at its limit, one step before
        arguments["max_episode_steps"] = (spec.max_episode_steps or registered.max_episode_steps) + 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = gym.make_vec(registered, count, vectorization_mode="vector_entry_point", **arguments)
    except (Exception, SystemExit) as error:
        raise EnvironmentError_(
            f"the vector environment of {spec.id} cannot be made: {type(error).__name__}: {error}"
        ) from error
    if made.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP:
        raise EnvironmentError_(
            f"the vector environment of {spec.id} resets a lane within the step that ends it",
            expected="autoreset_mode NEXT_STEP or DISABLED",
        )
    return made
