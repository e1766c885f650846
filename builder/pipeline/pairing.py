"""Who plays what: an expert, and the environment of today that it fits."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any, Protocol

from builder.config import EnvConfig, ExpertConfig, RolloutConfig
from builder.environments.answers import spaces_of
from builder.environments.arguments import risky
from builder.environments.environment import make
from builder.environments.legacy import Match
from builder.environments.wrappers import Layers, wrapper_specs
from builder.episodes.acceptance import Acceptance
from builder.episodes.spaces import Spaces
from builder.errors import ConfigError, SpaceError, UnsafeArchiveError
from builder.experts.actor import Player
from builder.experts.masks import with_masks
from builder.experts.matching import played
from builder.experts.sources.expert import Expert
from builder.values import recorded

log = logging.getLogger(__name__)


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
        matched: that environment; its `masks` are `GIVEN` where the expert needs masks and it has none.
        player: what its actors are made from.
        spaces: the observation and the action space.
        module: of the environment's class.
    """

    expert: Expert
    matched: Match
    player: Player
    spaces: Spaces
    module: str


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
    try:
        spec = with_masks(expert, player, matched.spec, sample)
    finally:
        sample.close()
    if spec.masks:
        expert = dataclasses.replace(expert, identity={**expert.identity, "action_masks": spec.masks})
    return Found(expert, dataclasses.replace(matched, spec=spec), player, spaces, module)


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


def described_environment(matched: Match) -> dict[str, Any]:
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
    if matched.spec.drawn_by:
        described["drawn_by"] = matched.spec.drawn_by
    if matched.mapped:
        described["mapping"] = {"trained_on": matched.trained_on, "zeros": matched.zeros}
    return described


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
