"""From a configuration to a build that is ready to play: everything found, checked and named."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym

from builder.card.licenses import check_license
from builder.config import BuildConfig, EnvConfig, ExpertConfig, RolloutConfig
from builder.dataset.collation import Collation
from builder.dataset.columns import TABLES, asked_for, present
from builder.dataset.schema import features
from builder.environments.answers import spaces_of
from builder.environments.arguments import risky
from builder.environments.environment import EnvironmentSpec, make
from builder.environments.legacy import Match
from builder.environments.wrappers import Layers, wrapper_specs
from builder.episodes.acceptance import EVERY_RETURN, Acceptance
from builder.episodes.spaces import Spaces, is_image, leaves, next_observation_default
from builder.errors import ConfigError, SpaceError, UnsafeArchiveError
from builder.experts.actor import Player
from builder.experts.matching import played
from builder.experts.sources.expert import NOT_PINNED, Expert
from builder.experts.sources.load import load_expert
from builder.manifest.identity import build_inputs, chunk_identity, identity
from builder.pipeline.own_functions import code_digests
from builder.values import recorded
from builder.versions import package_versions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Build:
    """A build that is ready to play.

    Attributes:
        config: as given, with what the observation space decides.
        expert: who plays.
        player: what workers make its actors from.
        environment: what is played; how its instances are used is settled before play
            (`builder.pipeline.instances`).
        observation_space: of the environment.
        action_space: of the environment.
        inputs: see `builder.manifest.identity.build_inputs`.
        instances: how instances are used, where that was stated or is not as usual.
    """

    config: BuildConfig
    expert: Expert
    player: Player
    environment: EnvironmentSpec
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    inputs: Mapping[str, Any]
    instances: str | None = None

    @property
    def identity(self) -> str:
        """The identity of the dataset."""
        return identity(self.inputs)

    @property
    def pinned(self) -> bool:
        """Whether the inputs tell this build from every other: all that plays has a version."""
        return self.expert.pinned and not any(code.endswith(NOT_PINNED) for code in self.own.values())

    @property
    def own(self) -> Mapping[str, str]:
        """Digests of the user's own functions, by the names of the built-in ones."""
        own: Mapping[str, str] = self.inputs.get("own", {})
        return own

    def chunk_identity(self) -> str:
        """The identity of the recorded attempts."""
        return chunk_identity(self.inputs, self.instances)

    @property
    def collation(self) -> Collation:
        """What collation needs to know. Where a user's own `enjoy` decided, returns do not decide again."""
        dataset = self.inputs["config"]["dataset"]
        fraction = dataset["test_fraction"]
        return Collation(
            inputs=self.inputs,
            policy=self.expert.name,
            observation_space=self.observation_space,
            action_space=self.action_space,
            optional=asked_for(self.inputs),
            acceptance=EVERY_RETURN if "enjoy" in self.own else self.config.acceptance,
            episodes=self.config.episodes,
            every=round(1 / fraction) if fraction else 0,
            unique=self.config.dataset.unique,
            shard_size=dataset["shard_mb"] * 10**6,
            instances=self.instances if self.instances in ("fresh", "single") else None,
            notes=self.expert.notes,
        )


class Asked(Protocol):
    """What says who plays what: the configuration of a build, or of a check."""

    @property
    def expert(self) -> ExpertConfig:
        """Who plays."""

    @property
    def env(self) -> EnvConfig:
        """What is played."""

    @property
    def rollout(self) -> RolloutConfig:
        """How it is played."""

    @property
    def acceptance(self) -> Acceptance:
        """What is accepted."""


@dataclass(frozen=True)
class Found:
    """Who plays what.

    Attributes:
        expert: with the environment that it plays here.
        matched: that environment.
        player: what its actors are made from.
        spaces: the observation and the action space.
        module: of the environment's class.
    """

    expert: Expert
    matched: Match
    player: Player
    spaces: Spaces
    module: str


def prepare(config: BuildConfig, own: Mapping[str, Callable[..., Any]] | None = None) -> Build:
    """Find and check the expert, the environment and their spaces.

    Args:
        config: the build's.
        own: the user's own functions, by the names of the built-in ones whose place they take.

    Raises:
        BuilderError: what is missing or does not fit; nothing has been written yet.
    """
    check_license(config.dataset.license)
    found = find(load_expert(config.expert, config.rollout), config)
    expert, matched, player = found.expert, found.matched, found.player
    observation_space, action_space = found.spaces
    if config.dataset.include_expert and not (expert.trained and expert.trained.readable):
        raise ConfigError(
            f"the weights of {expert.name!r} cannot be kept as data",
            remedy="set dataset.include_expert=false",
        )
    for note in expert.notes:
        log.info("%s: %s", expert.name, note)
    config = _resolved(config, observation_space)
    # Spaces that have no columns, or that are not the expert's, are refused before play.
    for table in TABLES.values():
        features(present(table), found.spaces)
    player.actor(observation_space, action_space)
    inputs = build_inputs(
        config,
        environment=_described(matched),
        expert=expert.identity,
        own=code_digests(own or {}),
        packages=package_versions(found.module, images=any(map(is_image, leaves(observation_space)))),
    )
    return Build(
        config,
        expert,
        player,
        matched.spec,
        observation_space,
        action_space,
        inputs,
    )


def find(expert: Expert, config: Asked) -> Found:
    """Find the environment that an expert plays, and how it plays there.

    Raises:
        BuilderError: what is missing, or does not fit.
    """
    expert = _for_build(expert, config)
    matched = _matched(expert, config)
    player = expert.player(
        config.rollout,
        env_id=matched.trained_on,
        max_episode_steps=matched.spec.max_episode_steps,
        zeros=matched.zeros,
        preprocessed=matched.spec.preprocessing is not None,
    )
    sample = make(matched.spec)
    spaces, module = Spaces(*spaces_of(sample, matched.spec.id)), type(sample.unwrapped).__module__
    sample.close()
    return Found(expert, matched, player, spaces, module)


def _matched(expert: Expert, config: Asked) -> Match:
    """The environment of today that the expert fits; a foreign expert plays what it is told to."""
    limits = {"max_episode_steps": config.env.max_episode_steps, "max_steps": config.rollout.max_steps}
    layers = Layers(expert.preprocessing(config.env.preprocessing), wrapper_specs(config.env.wrappers))
    try:
        matched = played(expert, config.rollout, limits=limits, layers=layers)
    except SpaceError as error:
        raise _not_its_environment(expert, config, error) from error
    if matched.mapped:
        log.info("%s", mapping_text(matched))
    return matched


def _not_its_environment(expert: Expert, config: Asked, error: SpaceError) -> SpaceError:
    """What is said where the user has named an environment that the expert was not trained on."""
    trained_on = config.expert.env_id
    if not config.env.id or trained_on in (None, config.env.id):
        return error
    return SpaceError(
        f"{expert.name} was trained on {trained_on}, and {config.env.id} has other spaces",
        expected=error.expected,
        got=error.got,
        remedy=f"leave out env.id; il-builder experts names those of {config.env.id}",
    )


def mapping_text(matched: Match) -> str:
    """In what the expert plays instead of what it was trained on."""
    zeros = f", its observations followed by {matched.zeros} zeros" if matched.zeros else ""
    return f"{matched.trained_on} is played as {matched.spec.id}, which has the expert's spaces{zeros}"


def _described(matched: Match) -> dict[str, Any]:
    """The environment as the manifest holds it."""
    described: dict[str, Any] = {
        "id": matched.spec.id,
        "kwargs": {
            name: recorded(value, f"env.kwargs.{name}") for name, value in matched.spec.kwargs.items()
        },
        "max_episode_steps": matched.spec.max_episode_steps,
    }
    if matched.spec.preprocessing is not None:
        described["preprocessing"] = dataclasses.asdict(matched.spec.preprocessing)
    if matched.spec.wrappers:
        described["wrappers"] = [wrapper.describe() for wrapper in matched.spec.wrappers]
    if matched.mapped:
        described["mapping"] = {"trained_on": matched.trained_on, "zeros": matched.zeros}
    return described


def _resolved(config: BuildConfig, observation_space: gym.Space[Any]) -> BuildConfig:
    """The configuration with what the observation space decides."""
    if config.dataset.next_observation is not None:
        return config
    dataset = dataclasses.replace(
        config.dataset, next_observation=next_observation_default(observation_space)
    )
    return dataclasses.replace(config, dataset=dataset)


def _for_build(expert: Expert, config: Asked) -> Expert:
    """The expert with what this build plays, as the user's own `enjoy` gets it.

    Raises:
        ConfigError: neither the expert nor the user names an environment.
    """
    env_id = config.env.id or expert.policy.name
    if not env_id:
        raise ConfigError(
            f"the expert {expert.name!r} does not say what it plays", remedy="give env.id=, e.g. CartPole-v1"
        )
    if not config.expert.trust_remote_code:
        _check_claims(expert, config)
    policy = dataclasses.replace(
        expert.policy,
        name=env_id,
        env_kwargs={**expert.policy.env_kwargs, **config.env.kwargs},
        threshold=config.acceptance.low,
        max_return=config.acceptance.high,
    )
    return dataclasses.replace(expert, policy=policy)


def _check_claims(expert: Expert, config: Asked) -> None:
    """Files beside an archive may name an environment, but not have code imported or files opened.

    Raises:
        UnsafeArchiveError: they would.
    """
    env_id = expert.policy.name
    if not config.env.id and expert.claimed and ":" in env_id:
        raise UnsafeArchiveError(
            f"the expert {expert.name!r} names the environment {env_id[:80]!r}, which would import a module",
            remedy="nothing was imported; if you trust it, name the environment yourself with env.id=",
        )
    claimed = {name: value for name, value in expert.claimed_kwargs.items() if name not in config.env.kwargs}
    if unsafe := risky(claimed):
        raise UnsafeArchiveError(
            f"the expert {expert.name!r} would have its environment made with {unsafe[0]}",
            remedy="if you trust it, give that yourself with env.kwargs.NAME=",
        )
