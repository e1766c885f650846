"""`expert.source=random`: actions drawn from the action space."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.experts.actor import RandomPlayer
from builder.experts.sources.expert import Expert, expert_of
from builder.experts.sources.source import Quote, Rebuilt, Source, algorithm


class RandomSource(Source):
    """No policy at all: the low end that normalised scores need."""

    name = "random"
    chooses = False

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        expert = expert_of(config, {"version": self.name}, foreign=RandomPlayer())
        return dataclasses.replace(expert, policy=dataclasses.replace(expert.policy, policy=self.name))

    def files(self, config: ExpertConfig) -> list[Path] | None:
        return []

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        return Rebuilt(self.name, algorithm(identity))

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        return "samples the action space"
