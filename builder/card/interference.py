"""What came between the expert's actions and those that were done, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builder.card.markdown import code
from builder.config import INTERFERENCES
from builder.episodes.noise import LEVELS, SHARES, Noise
from builder.episodes.switch import RANDOM, Switch
from builder.manifest.scores import OF_ONE

CONTROLLERS = "`controller` says who chose it, the expert (0) or the other policy (1)."
"""A limit of what two have played."""


def interferes(inputs: Mapping[str, Any]) -> bool:
    """Whether what was done may be something else than what the expert chose."""
    rollout = inputs.get("config", {}).get("rollout", {})
    return any(rollout.get(key) for key in INTERFERENCES)


def interference_words(rollout: Mapping[str, Any]) -> str:
    """All that came between, as clauses; empty: nothing did."""
    return "; ".join(filter(None, (switch_words(rollout), noise_words(rollout))))


def level_words(inputs: Mapping[str, Any]) -> str:
    """How the amount of noise was found, as a clause; empty: it was stated."""
    level = inputs.get("level")
    target = inputs.get("config", {}).get("rollout", {}).get("target")
    if not level or target is None:
        return ""
    return (
        f"so much that {level['episodes']} attempts of other seeds had a mean normalised score of"
        f" {level['score']:.3f} {OF_ONE}, where {target:g} was wanted"
    )


def switch_words(rollout: Mapping[str, Any]) -> str:
    """Who else played, and when, as a clause; empty: nobody did."""
    given = rollout.get("switch")
    if not given:
        return ""
    switch = Switch.of(given)
    who = (
        "random actions"
        if switch.policy == RANDOM
        else f"another policy (of the identity {code(switch.policy)})"
    )
    least, most = switch.steps or (1, 1)
    steps = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    if switch.probability is None:
        return f"the first {steps} are those of {who}, and then the expert plays"
    chance = f"by the chance {switch.probability:g}"
    if switch.steps is None:
        return f"each is, {chance}, that of {who}"
    return f"{chance} at each step, {steps} steps of {who} begin"


def noise_words(rollout: Mapping[str, Any]) -> str:
    """The noise of a build, as a clause; empty: there was none."""
    given = rollout.get("noise")
    if not given:
        return ""
    noise = Noise.of(given)
    amount = _amount(noise)
    words = {
        "gaussian": f"with normal noise on each of them, {amount}",
        "uniform": f"with uniform noise on each of them, {amount}",
        "ou": f"with Ornstein-Uhlenbeck noise on them, {amount}, which returns by {noise.theta:g} each step",
        "epsilon": f"each replaced, {amount}, by a uniform draw (of several choices each by itself)",
        "sticky": f"each replaced, {amount}, by what was done a step before",
    }
    return words[noise.kind]


def _amount(noise: Noise) -> str:
    if noise.cov is not None:
        size = len(noise.cov)
        return f"of a given covariance, {size} by {size}"
    if isinstance(noise.level, tuple):
        return f"of a given {_NAMES[LEVELS[noise.kind]]} for each component"
    level = f"{noise.level or 0.0:g}"
    if LEVELS[noise.kind] in SHARES:
        return f"with the probability {level}"
    return f"of the {_NAMES[LEVELS[noise.kind]]} {level}"


_NAMES = {"std": "standard deviation", "half_width": "half-width"}


def interference_limits(inputs: Mapping[str, Any]) -> list[str]:
    """What whoever uses the dataset should know of it."""
    if not interferes(inputs):
        return []
    text = (
        "`action` is what was done, and not always what the expert chose: `expert_action` is the label for"
        " imitation, `action` the one that the rewards and next observations are of. The returns are those"
        " of what was done, not the expert's own."
    )
    return [text, *([CONTROLLERS] if inputs["config"]["rollout"].get("switch") else [])]
