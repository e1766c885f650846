"""What random actions and an expert reach: their mean returns over all of their episodes."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path

from builder.config import ExpertConfig, default_budget
from builder.episodes.spaces import Array
from builder.experts.actor import RandomPlayer
from builder.experts.sources.load import load_expert
from builder.manifest.reference import Measured
from builder.manifest.scores import ReferenceScores
from builder.pipeline.build import Build
from builder.pipeline.instances import settle
from builder.pipeline.manner import with_manner
from builder.pipeline.play import play
from builder.pipeline.runs import ChunkRun
from builder.rollout.planning import first_returns
from builder.storage.lock import locked

RANDOM = "random"
"""Who samples the action space; the expert of a configuration that names none."""


def measure(build: Build, episodes: int, seed: int) -> Measured:
    """What random actions and an expert reach, over so many episodes each.

    Args:
        build: who plays what.
        episodes: of each; every one counts.
        seed: the root of their seeds.

    Raises:
        DatasetError: the expert is no better than random actions.
        BuilderError: something fails while it is played.
    """
    low, high = (_mean_and_std(returns_of(each, episodes, seed)) for each in (_random(build), build))
    deterministic = build.config.rollout.deterministic
    how = "" if deterministic else ", its actions sampled"
    scores = ReferenceScores(
        random=low[0],
        expert=high[0],
        source=f"measured by il-builder: {episodes:,} episodes each of random actions and of"
        f" {build.expert.name:.200}{how}, seed {seed}",
        random_std=low[1],
        expert_std=high[1],
    )
    return Measured(
        environment=build.inputs["environment"],
        scores=scores,
        expert=build.inputs["expert"],
        episodes=episodes,
        seed=seed,
        deterministic=deterministic,
        packages=build.inputs["packages"],
    )


def _random(build: Build) -> Build:
    """The build with random actions in just the same environment."""
    config = ExpertConfig(name=RANDOM, source=RANDOM)
    expert = load_expert(config, build.config.rollout)
    return dataclasses.replace(
        build,
        config=dataclasses.replace(build.config, expert=config),
        expert=expert,
        player=RandomPlayer(),
        environment=dataclasses.replace(build.environment, masks=""),
        inputs={**build.inputs, "expert": expert.identity},
    )


def returns_of(build: Build, episodes: int, seed: int) -> Array:
    """float64 [episodes]: the returns of the first attempts that do not break, played in a temporary folder.

    Raises:
        BuilderError: something fails while it is played; where that is to be rejected, too often.
    """
    with tempfile.TemporaryDirectory(prefix="il-builder-reference-") as folder:
        out = Path(folder) / "played"
        budget = default_budget(episodes) if build.config.rollout.on_error == "reject" else episodes
        config = dataclasses.replace(build.config, out=out, episodes=episodes, seed=seed, max_attempts=budget)
        build = dataclasses.replace(build, config=config)
        build = with_manner(settle(build, None))
        with locked(out):
            build.store.describe(build.collation.to_json())
            run = ChunkRun(build, build.store)
            play(build, run, aside=True)
            return first_returns(run.summaries, budget)[:episodes]


def _mean_and_std(returns: Array) -> tuple[float, float]:
    """Exact sums, so that every machine finds the same digits; the deviation is that of these returns."""
    mean = math.fsum(returns) / len(returns)
    return mean, math.sqrt(math.fsum((returns - mean) ** 2) / len(returns))
