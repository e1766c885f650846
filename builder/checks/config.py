"""The configuration of a check."""

from __future__ import annotations

from dataclasses import dataclass

from builder.config import EnvConfig, ExpertConfig, RolloutConfig, check_play
from builder.episodes.acceptance import Acceptance
from builder.errors import ConfigError


@dataclass(frozen=True)
class CheckConfig:
    """One check (`conf/check.yaml`).

    Attributes:
        expert: who plays.
        env: what is played.
        rollout: how it is played.
        seed: of the attempts.
        debug: show tracebacks.
    """

    expert: ExpertConfig
    env: EnvConfig
    rollout: RolloutConfig
    seed: int = 0
    debug: bool = False

    def __post_init__(self) -> None:
        check_play(self.expert, self.env, self.rollout, self.seed)
        if self.rollout.interferes:
            raise ConfigError(
                "il-builder check looks at the expert as it is alone",
                remedy="leave rollout.noise, rollout.switch and rollout.target out",
            )

    @property
    def acceptance(self) -> Acceptance:
        """Whatever is played will do."""
        return Acceptance()
