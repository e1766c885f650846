"""`rollout.target`: how much noise brings an expert down to a mean normalised score.

It is found by bisection on attempts of a root seed of its own, each of which counts; the inputs have it.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builder.config import BuildConfig
from builder.episodes.noise import LEVELS, SHARES, Noise
from builder.episodes.seeding import TARGET, stream_seed
from builder.errors import ConfigError, ExpertError
from builder.manifest.command import reference_overrides
from builder.manifest.manifest import Manifest
from builder.manifest.reference import reference_of, scaled, sought_reference
from builder.manifest.schema import check_inputs
from builder.manifest.scores import OF_ONE, ReferenceScores, normalized
from builder.pipeline.build import Build
from builder.pipeline.scoring import returns_of
from builder.rollout.interference import Interference

log = logging.getLogger(__name__)

EPISODES = 30
"""How many attempts a mean is of."""
HALVINGS = 16
"""How often the noise is halved or doubled, or what is between two amounts halved, at the most."""

FURTHER = 3
"""How many amounts more are tried, once one is within the tolerance: the nearest of all is taken."""
CLOSE = 0.2
"""Which part of the tolerance is near enough to try no more."""


@dataclass(frozen=True)
class Sought:
    """What is looked for.

    Attributes:
        target: a mean normalised score.
        tolerance: how far from it a mean may be.
        most: the greatest amount of noise; infinite: none is.
    """

    target: float
    tolerance: float
    most: float = math.inf


def at_target(build: Build, before: Manifest | None = None) -> Build:
    """The build with as much noise as brings its mean normalised score to the target; without one, itself.

    Args:
        build: what shall be played.
        before: the dataset that is to be built again, or stands there; where the same was sought for it, it
            was on the scale that is meant, whatever this machine has measured.

    Raises:
        ConfigError: no reference scores of the environment are known, or the noise has several amounts.
        ExpertError: no amount of noise gives that score.
        BuilderError: something fails while it is played.
    """
    config, between = build.config, build.interference
    target = config.rollout.target
    if target is None or between is None or between.noise is None:
        return build
    reference = _reference(build, before)
    noise, tolerance = between.noise, config.rollout.tolerance

    def score(amount: float) -> float:
        found = _score(_with_noise(build, between, dataclasses.replace(noise, level=amount)), reference)
        log.info("%s %g: a mean normalised score of %.3f %s", LEVELS[noise.kind], amount, found, OF_ONE)
        return found

    if noise.level is None and noise.cov is None:
        most = 1.0 if LEVELS[noise.kind] in SHARES else math.inf
        amount, reached = search(score, Sought(target, tolerance, most))
    elif isinstance(noise.level, float):
        amount, reached = noise.level, score(noise.level)
        _check(reached, target, tolerance, f"noise of {amount:g}")
    else:
        raise ConfigError(
            "rollout.target finds one amount of noise, and there are several",
            remedy=f"leave rollout.noise.{'cov' if noise.cov else LEVELS[noise.kind]} out",
        )
    found = {
        "kind": noise.kind,
        "amount": amount,
        "score": reached,
        "episodes": EPISODES,
        "reference": reference.content,
    }
    there = _with_noise(build, between, dataclasses.replace(noise, level=amount))
    check_inputs(inputs := {**there.inputs, "level": found})
    return dataclasses.replace(there, inputs=inputs)


def search(score: Callable[[float], float], sought: Sought) -> tuple[float, float]:
    """An amount of noise at which the score is what is wanted, and that score; more noise scores less.

    Args:
        score: of an amount.
        sought: what is wanted.

    Raises:
        ExpertError: there is no such amount.
    """
    low, high, best = 0.0, min(sought.most, 0.1), score(0.0)
    if abs(best - sought.target) <= sought.tolerance:
        return low, best
    if best < sought.target:
        _check(best, sought.target, sought.tolerance, "the expert without noise")
    for _ in range(HALVINGS):
        if (reached := score(high)) <= sought.target or high >= sought.most:
            break
        low, high = high, min(sought.most, 2 * high)
    if reached > sought.target:
        _check(reached, sought.target, sought.tolerance, f"the most noise, {high:g},")
    nearest, amount, further = (high, reached), high, 0
    for _ in range(HALVINGS):
        off = abs(nearest[1] - sought.target)
        further += off <= sought.tolerance
        if further > FURTHER or off <= CLOSE * sought.tolerance:
            return nearest
        low, high = (amount, high) if reached > sought.target else (low, amount)
        amount = float(f"{(low + high) / 2:.6g}")
        reached = score(amount)
        nearest = min(nearest, (amount, reached), key=lambda found: abs(found[1] - sought.target))
    _check(nearest[1], sought.target, sought.tolerance, f"noise of {nearest[0]:g}")
    return nearest


def tell_of_level(build: Build, mean: float) -> None:
    """Say which score a dataset has itself, whose attempts are others than those of the search.

    Args:
        build: at its target; others have nothing to tell.
        mean: the mean return of all of its attempts.
    """
    level, target, tolerance = (
        build.inputs.get("level"),
        build.config.rollout.target,
        build.config.rollout.tolerance,
    )
    if level is None or target is None:
        return
    reached = normalized(mean, ReferenceScores.of(level["reference"]))
    beyond = abs(reached - target) > tolerance
    log.log(
        logging.WARNING if beyond else logging.INFO,
        "the attempts of the dataset have a mean normalised score of %.3f %s%s, where %g was sought",
        reached,
        OF_ONE,
        f", beyond the tolerance of {tolerance:g}" if beyond else "",
        target,
    )


def _check(reached: float, target: float, tolerance: float, what: str) -> None:
    if abs(reached - target) > tolerance:
        raise ExpertError(
            f"rollout.target={target:g} is not reached: {what} scores {reached:.3f}",
            expected=f"{target - tolerance:g} to {target + tolerance:g}",
            got=f"{reached:.3f}, the mean of {EPISODES} attempts {OF_ONE}",
            remedy="choose another target or kind of noise, or a greater rollout.tolerance",
        )


def _reference(build: Build, before: Manifest | None) -> ReferenceScores:
    """The scale: that of the same dataset before, else of its environment as every build finds it."""
    found = (before and _of_the_same(build, before)) or reference_of(build.inputs["environment"])
    if found is None:
        env_id = build.inputs["environment"]["id"]
        words = reference_overrides(build.inputs, build.config.expert, build.config.env)
        raise ConfigError(
            f"rollout.target is a normalised score, and no reference of {env_id} is known as it is played",
            remedy=f"{' '.join(['il-builder reference', *map(shlex.quote, words)])} measures them once",
        )
    return found


def _of_the_same(build: Build, before: Manifest) -> ReferenceScores | None:
    """The scale of a dataset; None: another target was sought for it, or none, or it is of something else."""
    targets = [
        each.get("config", {}).get("rollout", {}).get("target") for each in (before.inputs, build.inputs)
    ]
    environments = [scaled(each.get("environment") or {}) for each in (before.inputs, build.inputs)]
    same = targets[0] == targets[1] and environments[0] == environments[1]
    return sought_reference(before) if same else None


def _with_noise(build: Build, between: Interference, noise: Noise) -> Build:
    """The build with this noise, as if its configuration had stated it."""
    stated = {**(build.config.rollout.noise or {}), **noise.content}
    rollout = dataclasses.replace(build.config.rollout, noise=stated)
    config: dict[str, Any] = dict(build.inputs["config"])
    config["rollout"] = {**config["rollout"], "noise": stated}
    return dataclasses.replace(
        build,
        config=dataclasses.replace(build.config, rollout=rollout),
        inputs={**build.inputs, "config": config},
        interference=dataclasses.replace(between, noise=noise),
    )


def _score(build: Build, reference: ReferenceScores) -> float:
    """The mean normalised score of attempts of its own seed; a plain build of all of them."""
    config: BuildConfig = dataclasses.replace(
        build.config,
        threshold=-math.inf,
        max_return=None,
        dataset=dataclasses.replace(build.config.dataset, unique=False),
    )
    seed = stream_seed(build.config.seed, 0, TARGET)
    returns = returns_of(dataclasses.replace(build, config=config, annotations=()), EPISODES, seed)
    return float(normalized(math.fsum(returns) / len(returns), reference))
