"""From a configuration to a build that is ready to play: everything found, checked and named."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym

from builder.card.citation import check_citation
from builder.card.licenses import check_license
from builder.config import BuildConfig
from builder.dataset.columns import TABLES, present
from builder.dataset.schema import features
from builder.environments.drawing import with_pixels
from builder.environments.legacy import refuse_without_extra
from builder.environments.masks import ASKED
from builder.episodes.spaces import is_image, leaves, next_observation_default
from builder.errors import ConfigError
from builder.experts.masks import refuse_without_masks
from builder.experts.sources.agent_names import names_in
from builder.experts.sources.load import load_expert
from builder.manifest.identity import build_inputs
from builder.manifest.schema import check_inputs
from builder.pipeline.annotations import annotations_of, with_instances
from builder.pipeline.build import Build
from builder.pipeline.interference import interference_of
from builder.pipeline.own_functions import code_digests
from builder.pipeline.pairing import Found, described_environment, find
from builder.pipeline.pictures import check_preview
from builder.rollout.interference import Interference
from builder.versions import package_versions

log = logging.getLogger(__name__)


def prepare(config: BuildConfig, own: Mapping[str, Callable[..., Any]] | None = None) -> Build:
    """Find and check the expert, the environment and their spaces.

    Args:
        config: the build's.
        own: the user's own functions, by the names of the built-in ones whose place they take.

    Raises:
        BuilderError: what is missing or does not fit; nothing has been written yet.
    """
    check_license(config.dataset.license)
    check_citation(config.dataset.citation)
    _refuse_without_extra(config)
    found = _shown(find(load_expert(config.expert, config.rollout), config), config, own or {})
    expert, matched, player = found.expert, found.matched, found.player
    observation_space, action_space = found.spaces.observation, found.spaces.action
    _refuse(config, found, own or {})
    _tell(found)
    config = _resolved(config, observation_space)
    interference = interference_of(config, found)
    annotations = annotations_of(config, found, own or {})
    config = with_instances(config, annotations)
    inputs = build_inputs(
        _named(config, interference),
        environment=described_environment(matched),
        expert=expert.identity,
        own=code_digests(own or {}),
        packages=package_versions(
            found.module,
            images=any(map(is_image, leaves(observation_space))),
            drawn_by=found.matched.spec.drawn_by,
            computed_by=expert.packages,
        ),
        columns=[column for annotation in annotations for column in annotation.columns],
    )
    check_inputs(inputs)
    check_preview(config.card, matched.spec, found.spaces)
    return Build(
        config,
        expert,
        player,
        matched.spec,
        observation_space,
        action_space,
        inputs,
        annotations=annotations,
        interference=interference,
    )


def _refuse_without_extra(config: BuildConfig) -> None:
    """Say what is missing of an environment before its expert is downloaded, as far as names tell.

    Raises:
        MissingExtraError: an extra is not installed.
    """
    expert = config.expert
    if not expert.repo_id:
        return
    stated = config.env.id or expert.env_id
    for env_id in [stated] if stated else names_in(expert.repo_id):
        refuse_without_extra(env_id.rpartition(":")[2])


def _refuse(config: BuildConfig, found: Found, own: Mapping[str, Callable[..., Any]]) -> None:
    """Refuse what could not be recorded or kept, before anything is played.

    Raises:
        ConfigError: the expert cannot be kept as data.
        SpaceError: spaces that have no columns, or that are not the expert's.
        ExpertError: the expert is not itself without masks, and there are none.
    """
    expert, spaces = found.expert, found.spaces
    if config.env.vector is True and "enjoy" in own:
        raise ConfigError("env.vector is for the built-in enjoy alone", remedy="leave out env.vector")
    if config.dataset.include_expert and not (expert.trained and expert.trained.readable):
        raise ConfigError(
            f"the weights of {expert.name!r} cannot be kept as data",
            remedy="set dataset.include_expert=false",
        )
    if "enjoy" not in own:  # which may give masks of its own
        refuse_without_masks(expert.name, found.matched.spec)
    for table in TABLES.values():
        features(present(table), spaces)
    found.player.actor(spaces.observation, spaces.action)


def _tell(found: Found) -> None:
    """Log what a user should know of how the expert plays."""
    masks = found.matched.spec.masks
    if masks in ASKED:
        log.info("%s chooses among the actions that %s allows", found.expert.name, ASKED[masks])
    for note in found.expert.notes:
        log.info("%s: %s", found.expert.name, note)


def _shown(found: Found, config: BuildConfig, own: Mapping[str, Callable[..., Any]]) -> Found:
    """What is played, drawn with every state where the build records that.

    Raises:
        ConfigError: a function of the user's own plays, which records no pictures.
        EnvironmentError_: the environment cannot be drawn.
    """
    size = config.dataset.pixels
    if size is None:
        return found
    if "enjoy" in own:
        raise ConfigError(
            "dataset.pixels is recorded by the built-in enjoy alone",
            remedy="leave dataset.pixels out, or enjoy",
        )
    spec = with_pixels(found.matched.spec, size["height"], size["width"])
    return dataclasses.replace(found, matched=dataclasses.replace(found.matched, spec=spec))


def _named(config: BuildConfig, interference: Interference | None) -> BuildConfig:
    """The configuration with what the policy of a switch is known by, in the place of its path."""
    if interference is None or interference.switch is None:
        return config
    switch = {**(config.rollout.switch or {}), "policy": interference.switch.policy}
    return dataclasses.replace(config, rollout=dataclasses.replace(config.rollout, switch=switch))


def _resolved(config: BuildConfig, observation_space: gym.Space[Any]) -> BuildConfig:
    """The configuration with what the observation space decides."""
    if config.dataset.next_observation is not None:
        return config
    dataset = dataclasses.replace(
        config.dataset, next_observation=next_observation_default(observation_space)
    )
    return dataclasses.replace(config, dataset=dataset)
