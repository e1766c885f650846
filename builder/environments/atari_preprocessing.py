"""What training made of Atari's frames before the agent saw them, as plain values.

The playing side is `builder.environments.atari`. Source of the rules and defaults: `AtariWrapper` in
`stable_baselines3/common/atari_wrappers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builder.errors import ConfigError


@dataclass(frozen=True)
class AtariPreprocessing:
    """`AtariWrapper` without the clipping of rewards; the manifest holds these values.

    Attributes:
        noop_max: an episode begins with 1 to this many frames of no-op, drawn from its seed; 0: with none.
        frame_skip: each action is played for this many frames; the last two, the brighter of each pixel, are
            the observation.
        screen_size: height and width of an observation.
        fire_after_life: a lost life is followed by what training's reset did then: a no-op, and FIRE in games
            that have it. The episode goes on, as the game does.
    """

    noop_max: int = 30
    frame_skip: int = 4
    screen_size: int = 84
    fire_after_life: bool = True

    def __post_init__(self) -> None:
        for name, value, most in (
            ("noop_max", self.noop_max, 10_000),
            ("frame_skip", self.frame_skip, 1_000),
            ("screen_size", self.screen_size, 160),
        ):
            least = 0 if name == "noop_max" else 1
            if type(value) is not int or not least <= value <= most:
                raise ConfigError(
                    f"{name} of the Atari preprocessing", expected=f"{least} to {most}", got=value
                )
        if not isinstance(self.fire_after_life, bool):
            raise ConfigError("fire_after_life", expected="true or false", got=self.fire_after_life)

    @staticmethod
    def from_description(described: Mapping[str, Any] | None) -> AtariPreprocessing | None:
        """Back from a manifest, which may be a stranger's; None stays None.

        Raises:
            ConfigError: it is not what a manifest of ours holds.
        """
        if described is None:
            return None
        try:
            return AtariPreprocessing(**described)
        except TypeError as error:
            raise ConfigError(f"not an Atari preprocessing: {str(described)[:100]}") from error
