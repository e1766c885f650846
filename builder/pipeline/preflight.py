"""The check of an expert before a long run, on the build's own first attempts: it costs nothing."""

from __future__ import annotations

import logging
import math
import re

from builder.episodes.acceptance import EVERY_RETURN
from builder.episodes.spaces import Array
from builder.errors import ExpertError
from builder.experts.published import Published
from builder.pipeline.build import Build

log = logging.getLogger(__name__)

_SAMPLED = re.compile(r"ALE/|\w+NoFrameskip-v\d|MiniGrid-")
"""Where RL Baselines3 Zoo's published returns are those of the stochastic policy (`rl_zoo3/enjoy.py`)."""


def first_attempts(build: Build) -> int:
    """How many attempts are to be played before `check` can look at them; 0 where there is no check."""
    expert = build.config.expert
    if expert.check == "off" or build.expert.published is None or build.config.rollout.interferes:
        return 0  # nothing is published, or what is played is not the expert's alone
    return expert.check_episodes


def check_returns(build: Build, returns: Array) -> None:
    """Compare the first returns with the published one, and say what share will be accepted.

    Args:
        build: the build.
        returns: float64 [n], of the first attempts.

    Raises:
        ExpertError: their mean falls short of the published one, and `expert.check` is error.
    """
    published = build.expert.published
    if published is None or not len(returns):
        return
    mean, std = float(returns.mean()), float(returns.std())
    least = published.least_mean(std, len(returns))
    log.info(
        "%s: mean return %.1f of the first %d attempts, published %.1f ± %.1f",
        *(build.expert.name, mean, len(returns), published.mean, published.std),
    )
    if mean < least:
        error = ExpertError(
            f"{build.expert.name} falls short of its published return on {build.environment.id}",
            expected=f"a mean of at least {least:.1f} over {len(returns)} episodes"
            f" ({_published(build, published)})",
            got=f"{mean:.1f} ± {std:.1f}",
            remedy=f"{_likely_causes(build, published)}; expert.check=warn goes on all the same",
        )
        if build.config.expert.check == "error":
            raise error
        log.warning("%s", error)
    _forecast(build, returns)


def _published(build: Build, published: Published) -> str:
    """The published figure, where it stands, and how it was played, as far as that is known."""
    figure = f"published {published.mean:.1f} ± {published.std:.1f}"
    where = f" in {build.expert.evidence}" if build.expert.evidence else ""
    sampled = _was_sampled(build, published)
    how = "" if sampled is None else ", playing stochastically" if sampled else ", playing deterministically"
    return f"{figure}{where}{how}"


def _was_sampled(build: Build, published: Published) -> bool | None:
    """Whether the figure is that of the stochastic policy; None: nothing says."""
    if published.deterministic is not None:
        return not published.deterministic
    return True if _SAMPLED.match(build.expert.policy.name) else None


def _likely_causes(build: Build, published: Published) -> str:
    """What may be the reason, the likeliest first."""
    sampled = _was_sampled(build, published)
    if sampled is not None and sampled == build.config.rollout.deterministic:
        how = "stochastically" if sampled else "deterministically"
        remedy = f"give rollout.deterministic={'false' if sampled else 'true'}"
        return f"it was published playing {how}: {remedy}"
    mapping = build.inputs["environment"].get("mapping")
    causes = [
        "its statistics or wrappers may be missing",
        *([f"it was trained on {mapping['trained_on']}, another version"] if mapping else []),
        *(["the figure may be that of sampled actions"] if sampled is None else []),
    ]
    return "; or ".join(causes)


def _forecast(build: Build, returns: Array) -> None:
    acceptance = build.config.acceptance
    if acceptance == EVERY_RETURN:
        return
    accepted = acceptance.accepts(returns)
    if accepted.sum() >= build.config.episodes:  # nothing is left to forecast
        return
    share = float(accepted.mean())
    if not share:
        log.info("none of the first %d attempts was accepted", len(returns))
        return
    wanted = build.config.episodes
    log.info(
        "about %.0f%% of the attempts will be accepted: about %d attempts for %d episodes",
        *(100 * share, math.ceil(wanted / share), wanted),
    )
