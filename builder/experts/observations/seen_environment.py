"""An environment that shows what a policy saw of it, for whoever has learned from that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, assemble, leaves
from builder.errors import SpaceError
from builder.experts.observations.transforms import Observer
from builder.experts.observations.wrapped_policy import PolicyView

LANE = [0]


class SeenEnvironment(gym.Wrapper[Any, Any, Any, Any]):
    """Shows of an environment what a policy saw of it.

    Args:
        environment: as it was recorded.
        view: what the policy saw.

    Raises:
        SpaceError: the policy was not asked at every step, or the view is not of this environment.
    """

    def __init__(self, environment: gym.Env[Any, Any], view: PolicyView) -> None:
        super().__init__(environment)
        if view.timed:
            raise SpaceError(
                "the expert was not asked at every step, so that no environment shows what it saw",
                remedy="record it behind env.preprocessing=atari, where it is",
            )
        space, actions = environment.observation_space, environment.action_space
        self._leaves = leaves(space)
        self._observers: list[Observer] = []
        for transform in (*view.every_step, *view.decisions):
            self._observers.append(transform.observer(space, actions))
            space = transform.space(space, actions)
        self.observation_space = space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see `gymnasium.Env.reset`."""
        observation, info = self.env.reset(seed=seed, options=options)
        for observer in self._observers:
            observer.begin(LANE[0])
        return self._seen(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step it; see `gymnasium.Env.step`."""
        for observer in self._observers:
            observer.acted(np.asarray(action)[None], LANE)
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._seen(observation), reward, terminated, truncated, info

    def _seen(self, observation: Any) -> Any:
        seen: Sequence[Array] = [
            np.asarray(leaf.pick(observation), leaf.dtype)[None] for leaf in self._leaves
        ]
        for observer in self._observers:
            seen = observer.see(seen, LANE)
        return assemble(self.observation_space, [leaf[0] for leaf in seen])
