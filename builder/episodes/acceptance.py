"""Which episodes a dataset keeps: those whose return is accepted, and of them the first by index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from builder.errors import ConfigError

if TYPE_CHECKING:  # numpy stays out of --help
    from builder.episodes.spaces import Array


@dataclass(frozen=True)
class Acceptance:
    """The returns of accepted episodes; unless anything is said, all of them.

    Attributes:
        low: the least one.
        high: the greatest one.
    """

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:  # nor is NaN a bound
            raise ConfigError(
                "no return can be accepted",
                expected="threshold <= max_return",
                got=f"{self.low} and {self.high}",
            )

    def accepts(self, returns: Array) -> Array:
        """Bool [n]: which of the returns [n] are accepted; NaN is not."""
        accepted: Array = (returns >= self.low) & (returns <= self.high)
        return accepted

    @staticmethod
    def of(config: Mapping[str, Any]) -> Acceptance:
        """What the configuration in a manifest's inputs says; infinities are text there."""
        return Acceptance(float(config["threshold"]), float(config["max_return"]))

    def to_json(self) -> list[str]:
        """As `build.json` holds it."""
        return [str(self.low), str(self.high)]

    @staticmethod
    def from_json(content: Sequence[str]) -> Acceptance:
        """Back from `build.json`."""
        low, high = content
        return Acceptance(float(low), float(high))


EVERY_RETURN = Acceptance()
"""Nothing is rejected for its return."""


def first_accepted(accepted: Array, wanted: int | None) -> Array:
    """The accepted ones that a dataset keeps: the first by index, whoever finished first.

    Args:
        accepted: bool [n], in the order of attempts.
        wanted: how many to keep at the most; None: all.

    Returns:
        Bool [n].
    """
    return accepted if wanted is None else accepted & (accepted.cumsum() <= wanted)
