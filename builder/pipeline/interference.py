"""From a configuration to what comes between the expert's actions and those that are done."""

from __future__ import annotations

import dataclasses
from typing import Any

from builder.config import BuildConfig
from builder.episodes.noise import Noise
from builder.errors import ConfigError
from builder.experts.actor import Player
from builder.experts.sources.table import described_source
from builder.pipeline.pairing import Found
from builder.rollout.interference import Interference


def interference_of(config: BuildConfig, found: Found) -> Interference | None:
    """What comes between; None: nothing does.

    Raises:
        ConfigError: it does not suit the expert, or the action space.
    """
    rollout = config.rollout
    if not rollout.interferes:
        return None
    if not described_source(found.expert.identity).chooses:
        raise ConfigError(
            "rollout.noise is on what an expert chooses, and random actions are nobody's choice",
            remedy="leave it out",
        )
    noise = None if rollout.noise is None else Noise.of(rollout.noise)
    if noise is not None:
        noise.check(found.spaces.action)
    return Interference(noise, None if rollout.deterministic else _best(found.player))


def _best(player: Player) -> Player:
    """The same expert, answering without sampling; of one that is never told to sample, itself."""
    recipe: Any = player
    if getattr(recipe, "deterministic", True):
        return player
    best: Player = dataclasses.replace(recipe, deterministic=True)
    return best
