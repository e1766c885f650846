"""How clones, the expert and random actions play: one environment, so many episodes, the same seeds."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from builder.baseline.config import BaselineConfig
from builder.composition import build_config
from builder.config import BuildConfig, ExpertConfig, RolloutConfig
from builder.environments.masks import ASKED
from builder.episodes.seeding import attempt_seed
from builder.episodes.spaces import Array
from builder.errors import BuilderError, DatasetError
from builder.experts.actor import RandomPlayer
from builder.experts.network.network import Network
from builder.experts.network_player import NetworkPlayer
from builder.experts.sources.load import load_expert
from builder.manifest.identity import build_inputs
from builder.manifest.manifest import Manifest
from builder.manifest.rebuild import FILES, Given, rebuilt_config
from builder.manifest.settings import before_labels
from builder.pipeline.build import Build
from builder.pipeline.prepare import prepare
from builder.pipeline.reference import PLAIN
from builder.pipeline.scoring import RANDOM, returns_of
from builder.replay import RecordedSplit, recorded_environment

FIRST_ROOT = 200_000
"""The first root of the seeds of evaluations that is tried; `il-builder reference` measures with 100,000."""


@dataclass(frozen=True)
class Protocol:
    """How it is played.

    Attributes:
        build: the dataset's environment, with random actions.
        episodes: of each player; every one counts.
        seed: the root of their seeds.
    """

    build: Build
    episodes: int
    seed: int

    def random(self) -> Array:
        """float64 [episodes]: the returns of random actions."""
        environment = dataclasses.replace(self.build.environment, masks="")
        return self._returns(dataclasses.replace(self.build, environment=environment))

    def clone(self, network: Network, name: str) -> Array:
        """float64 [episodes]: the returns of a clone's best actions.

        Args:
            network: the clone.
            name: what it is called while it plays.
        """
        player = NetworkPlayer(network, masked=self.build.environment.masks in ASKED)
        expert = dataclasses.replace(self.build.expert, name=name)
        return self._returns(dataclasses.replace(self.build, expert=expert, player=player))

    def expert(self, build: Build) -> Array:
        """float64 [episodes]: the returns of the expert, as it acted for the dataset."""
        return self._returns(build)

    def _returns(self, build: Build) -> Array:
        return returns_of(build, self.episodes, self.seed)


def protocol_of(folder: Path, manifest: Manifest, config: BaselineConfig) -> Protocol:
    """How the clones of a dataset play.

    Raises:
        DatasetError: nothing says what it is of, or to play there takes trust.
        ConfigError: there is no such environment here.
        MissingExtraError: it needs a package that is not installed.
    """
    if "environment" not in manifest.inputs:
        raise DatasetError(
            f"nothing says which environment {folder} is of, so no clone can play in it",
            remedy="import it with env.id=",
        )
    trusted = config.expert.trust_remote_code
    environment = recorded_environment(manifest, trusted=trusted, kwargs=config.env.kwargs)
    observation_space, action_space = manifest.spaces
    asked = _asked(manifest, config)
    expert = load_expert(asked.expert, asked.rollout)
    build = Build(
        asked,
        expert,
        RandomPlayer(),
        environment,
        observation_space,
        action_space,
        build_inputs(
            asked, environment=manifest.inputs["environment"], expert=expert.identity, packages={}, own={}
        ),
    )
    return Protocol(build, config.episodes, evaluation_seed(_seeds(folder, manifest), config.episodes))


def expert_of(folder: Path, manifest: Manifest, config: BaselineConfig) -> Build:
    """The build that lets a dataset's own expert play: without noise, and without a choice of its episodes.

    Raises:
        BuilderError: it cannot play here.
    """
    given = Given(
        files={key: value for key in FILES if (value := getattr(config.expert, key))},
        trusted=config.expert.trust_remote_code,
        kwargs=config.env.kwargs,
    )
    before = before_labels(manifest)
    asked = _asked(before, config)
    if "imported" in before.inputs or "merged" in before.inputs:
        raise DatasetError("nobody knows who has played it")
    rebuilt = rebuilt_config(before, folder, asked, given)
    return prepare(dataclasses.replace(asked, expert=rebuilt.expert, env=rebuilt.env))


def _asked(manifest: Manifest, config: BaselineConfig) -> BuildConfig:
    """The configuration of a build with random actions that accepts all, played as the dataset was."""
    usual = build_config([])
    stated = manifest.inputs.get("config", {}).get("rollout", {})
    rollout = RolloutConfig(**{key: stated.get(key, getattr(usual.rollout, key)) for key in PLAIN})
    return dataclasses.replace(
        usual,
        expert=ExpertConfig(name=RANDOM, source=RANDOM),
        env=dataclasses.replace(usual.env, instances=manifest.instances or "auto"),
        rollout=rollout,
        dataset=dataclasses.replace(usual.dataset, next_observation=False),
        parallel=config.parallel,
        threshold=-math.inf,
        max_return=None,
    )


def _seeds(folder: Path, manifest: Manifest) -> set[int]:
    """The seeds of a dataset's episodes; of one whose source does not say them, whatever stands there."""
    found: set[int] = set()
    for name in sorted(manifest.splits):
        table = RecordedSplit(folder, manifest, name).episodes
        if "seed" in table.column_names:
            found.update(seed for seed in table["seed"].to_pylist() if seed is not None)
    return found


def evaluation_seed(seeds: Collection[int], episodes: int) -> int:
    """The first root from `FIRST_ROOT` on none of whose attempts has one of some seeds.

    Args:
        seeds: of a dataset's episodes.
        episodes: attempts that are played.
    """
    roots = itertools.count(FIRST_ROOT)
    return next(root for root in roots if not _clashes(root, seeds, episodes))


def _clashes(root: int, seeds: Collection[int], episodes: int) -> bool:
    return any(attempt_seed(root, index) in seeds for index in range(episodes))


def why_not(error: BuilderError) -> str:
    """Why the expert is not there to compare with, in a line."""
    return f"the expert did not play, so there are no normalised scores: {error}"[:500]
