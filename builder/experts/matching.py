"""Which environment of today an expert plays: the one that it names, or the one that has its spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from builder.config import RolloutConfig
from builder.environments.environment import resolve
from builder.environments.legacy import Match, match
from builder.environments.wrappers import PLAIN, Layers
from builder.experts.sources.expert import Expert
from builder.experts.sources.python import PythonPlayer


def played(
    expert: Expert,
    rollout: RolloutConfig,
    *,
    limits: Mapping[str, int | None],
    layers: Layers = PLAIN,
) -> Match:
    """The environment that an expert plays; a foreign expert plays what it is told to.

    Args:
        expert: the expert; its policy says what it is to play.
        rollout: how it shall act.
        limits: `max_episode_steps` and `max_steps`, see `resolve`.
        layers: what is put around the environment.

    Raises:
        ConfigError: no environment of that name.
        MissingExtraError: a package that it needs is not installed.
        SpaceError: no version of it has the expert's spaces.
    """
    env_id, kwargs = expert.policy.name, expert.policy.env_kwargs
    if isinstance(expert.foreign, PythonPlayer):
        expert.foreign.named()  # whose module may register the environment
    if expert.trained is None:
        return Match(resolve(env_id, kwargs, **limits, layers=layers), env_id)

    def fits(observation_space: gym.Space[Any], action_space: gym.Space[Any], zeros: int) -> None:
        player = expert.player(
            rollout,
            env_id=env_id,
            max_episode_steps=1,
            zeros=zeros,
            preprocessed=layers.preprocessing is not None,
        )
        player.actor(observation_space, action_space)

    return match(env_id, kwargs, fits, limits=limits, layers=layers)
