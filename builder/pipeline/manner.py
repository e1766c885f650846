"""How a build asks its expert, where that is a foreign policy."""

from __future__ import annotations

import dataclasses
import logging

from builder.errors import BuilderError
from builder.experts.foreign import ForeignPlayer
from builder.pipeline.build import Build
from builder.rollout.manner import find_manner
from builder.rollout.rules import Rules

log = logging.getLogger(__name__)


def with_manner(build: Build) -> Build:
    """The build whose player asks a foreign policy in the fastest manner that changes none of its answers.

    A user's own `enjoy` may ask it in whatever way: there it is left as one of which nothing is known, where
    nothing can be found out.

    Raises:
        BuilderError: see `find_manner`.
    """
    player = build.player
    if not isinstance(player, ForeignPlayer):
        return build
    try:
        manner = find_manner(player, build.environment, build.config.seed, Rules.of(build.config.rollout))
    except BuilderError as error:
        if "enjoy" not in build.own:
            raise
        log.info("%s", error)
        return build
    return dataclasses.replace(build, player=player.asked(manner))
