"""Reference scores: what the returns of an environment are measured by, and a return so measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from builder.episodes.spaces import Array
from builder.errors import DatasetError

MOST_TEXT = 500
"""Letters of a source."""
LEAST_SCALE = 1e-100
"""Between both ends; on a smaller one the score of a return may be infinite."""
OF_ONE = "(0 random, 1 expert)"
"""Said of a normalised score wherever it is shown as it is; what is shown of 100 says that."""
Returns = TypeVar("Returns", float, Array)


@dataclass(frozen=True)
class ReferenceScores:
    """The two ends of the scale of an environment's returns.

    Attributes:
        random: the mean return of the policy that samples the action space.
        expert: the mean return of an expert, over all of its episodes.
        source: where the two figures stand, or how they were measured.
        random_std: the standard deviation of the returns behind `random`; None: the source does not say.
        expert_std: likewise behind `expert`.

    Raises:
        DatasetError: no scale is between these two.
    """

    random: float
    expert: float
    source: str
    random_std: float | None = None
    expert_std: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.random) and math.isfinite(self.expert) and self.random < self.expert):
            raise DatasetError(
                "the expert of a reference is no better than random actions",
                expected=f"a mean return of more than {self.random:g}",
                got=f"{self.expert:g}",
                remedy="measure a better expert",
            )
        if not LEAST_SCALE < self.expert - self.random < math.inf:
            raise DatasetError(
                "the two ends of a reference make no scale",
                expected=f"returns that differ by {LEAST_SCALE:g} to 1.8e+308",
                got=f"{self.random:g} and {self.expert:g}",
            )

    @classmethod
    def stated(cls, random: Any, expert: Any, source: str) -> ReferenceScores | None:
        """What somebody's file says, whatever that is; None: no scale is between two such things."""
        if not all(type(value) in (int, float) for value in (random, expert)):
            return None
        try:
            return cls(float(random), float(expert), source[:MOST_TEXT])
        except (DatasetError, OverflowError):
            return None

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> ReferenceScores:
        """What `content` has written, once it has passed its schema."""
        figures = {name: float(value) for name, value in content.items() if name != "source"}
        return cls(source=str(content["source"]), **figures)

    @property
    def content(self) -> dict[str, Any]:
        """As JSON; what is not known is left out."""
        known = {
            "random": self.random,
            "expert": self.expert,
            "source": self.source,
            "random_std": self.random_std,
            "expert_std": self.expert_std,
        }
        return {name: value for name, value in known.items() if value is not None}


def level_name(inputs: Mapping[str, Any]) -> str | None:
    """What a dataset is called whose noise was sought, `noised-expert-0.5`, or whose expert is several.

    None: neither is so.

    Never `medium`, which is D4RL's word for a policy that was trained halfway.
    """
    target = inputs.get("config", {}).get("rollout", {}).get("target")
    mixed = "checkpoint-mixture" if inputs.get("expert", {}).get("members") else None
    return mixed if target is None else f"noised-expert-{target:g}"


def normalized(returns: Returns, reference: ReferenceScores | None) -> Returns:
    """Returns on the scale where random actions reach 0 and the expert 1; tables show it times 100.

    `(R - random) / (expert - random)`, as D4RL has it (Fu et al. 2020, arXiv:2004.07219).

    Args:
        returns: of an episode, or float64 [...] of many.
        reference: of the environment that was played.

    Raises:
        DatasetError: there is none, as `reference_of` gives None of an environment that is not known.
    """
    if reference is None:
        raise DatasetError(
            "no reference scores are known of this environment",
            remedy="il-builder reference env.id=ID measures them once; ReferenceScores takes your own",
        )
    return (returns - reference.random) / (reference.expert - reference.random)
