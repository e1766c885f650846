"""What `rollout.switch` may say: who else plays, and when.

| `steps` | `probability` | the other policy plays |
|---|---|---|
| [a, b] | | first, for a to b steps, drawn for each attempt |
| | p | at each step by chance p: DAgger's mixture, whose β is 1 - p (Ross et al. 2011, arXiv:1011.0686) |
| [a, b] | p | in stretches of a to b steps, each of which begins by chance p |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builder.errors import ConfigError, suggest

KEY = "rollout.switch"
RANDOM = "random"
"""The policy that samples the action space."""
KNOWN = ("policy", "steps", "probability")
MOST = 10**9
"""Steps."""


@dataclass(frozen=True)
class Switch:
    """Who else plays, and when.

    Attributes:
        policy: `RANDOM`, or the path of an archive.
        steps: the least and the greatest number of steps of a stretch; None: one.
        probability: that a stretch begins at a step of the expert's; None: there is one, at the beginning.
    """

    policy: str
    steps: tuple[int, int] | None = None
    probability: float | None = None

    @staticmethod
    def of(given: Mapping[str, Any]) -> Switch:
        """What the key says.

        Raises:
            ConfigError: it says nothing that can be played.
        """
        for name in given:
            if name not in KNOWN:
                raise ConfigError(f"{KEY} has no {name!r}", remedy=suggest(str(name), KNOWN))
        policy = given.get("policy")
        if not isinstance(policy, str) or not policy:
            raise ConfigError(f"{KEY}.policy must be given", expected="random, or the path of an archive")
        probability = given.get("probability")
        if probability is not None and not (_number(probability) and 0 <= probability <= 1):
            raise ConfigError(
                f"{KEY}.probability is out of range", expected="0 to 1", got=repr(probability)[:80]
            )
        share = None if probability is None else float(probability)
        return Switch(policy, _steps(given.get("steps")), share)

    def check(self) -> None:
        """Refuse a switch of which nothing says when it is.

        Raises:
            ConfigError: it is one.
        """
        if self.steps is None and self.probability is None:
            raise ConfigError(
                f"{KEY} does not say when {self.policy} plays",
                remedy=f"add {KEY}.steps=[a,b], {KEY}.probability=, or both",
            )


def _steps(given: Any) -> tuple[int, int] | None:
    if given is None:
        return None
    pair = given if isinstance(given, (list, tuple)) else [given, given]
    if len(pair) != 2 or not all(type(count) is int for count in pair) or not 0 < pair[0] <= pair[1] <= MOST:
        raise ConfigError(f"{KEY}.steps is out of range", expected="[a, b], from 1 on", got=repr(given)[:80])
    return pair[0], pair[1]


def _number(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value)
