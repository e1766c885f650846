"""Experts that choose among the actions that a mask allows, and where the masks are had."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym

from builder.environments.environment import EnvironmentSpec
from builder.environments.masks import GIVEN, maskable, masks_in
from builder.errors import BuilderError, ConfigError, ExpertError
from builder.experts.actor import Player
from builder.experts.sources.expert import Expert, unmasked


def with_masks(
    expert: Expert, player: Player, spec: EnvironmentSpec, environment: gym.Env[Any, Any]
) -> EnvironmentSpec:
    """What an expert plays, asked for masks where the expert is asked with them.

    Args:
        expert: who plays.
        player: how it plays there.
        spec: what it plays.
        environment: made of it; it may be reset.

    Returns:
        The spec; its `masks` are `GIVEN` where the environment has none.

    Raises:
        ConfigError: it shall play without masks, and does anyway.
        EnvironmentError_: what the environment has under that name cannot be asked.
    """
    try:
        wanted = player.masked and maskable(environment.action_space)
    except BuilderError:  # it cannot be had: whoever makes an actor of it will say so
        return spec
    if not unmasked(expert.identity):
        return dataclasses.replace(spec, masks=masks_in(environment)) if wanted else spec
    if not wanted:
        raise ConfigError(
            "expert.action_masks=none is said of an expert that is asked with masks,"
            f" which {expert.name} is not",
            remedy="leave it out",
        )
    return spec


def refuse_without_masks(name: str, spec: EnvironmentSpec) -> None:
    """Refuse an expert that needs masks where there are none.

    Args:
        name: of the expert.
        spec: what it plays.

    Raises:
        ExpertError: there are none.
    """
    if spec.masks == GIVEN:
        raise ExpertError(
            f"{name} chooses among the actions that a mask allows, and {spec.id} gives no masks",
            expected="action_masks() of the environment or of a wrapper, or `action_mask` in its"
            " observations or its info",
            remedy="put around it the wrapper that it was trained behind (env.wrappers=);"
            " expert.action_masks=none plays it without, and the card says so",
        )
