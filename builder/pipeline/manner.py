"""How a build asks its expert, where that is a foreign policy."""

from __future__ import annotations

import dataclasses

from builder.experts.foreign import ForeignPlayer
from builder.pipeline.prepare import Build
from builder.rollout.manner import find_manner
from builder.rollout.rules import Rules


def with_manner(build: Build) -> Build:
    """The build whose player asks a foreign policy in the fastest manner that changes none of its answers.

    Raises:
        BuilderError: see `find_manner`.
    """
    player = build.player
    if not isinstance(player, ForeignPlayer):
        return build
    manner = find_manner(player, build.environment, build.config.seed, Rules.of(build.config.rollout))
    return dataclasses.replace(build, player=player.asked(manner))
