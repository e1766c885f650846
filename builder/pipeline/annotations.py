"""What a build records beside what every build does: from its configuration to its annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from builder.config import BuildConfig
from builder.environments.simulator_state import KeptState, kept_state
from builder.episodes.annotations import Annotation
from builder.errors import ConfigError
from builder.experts.minds import teacher_columns
from builder.experts.mixture import MixturePlayer
from builder.experts.observations.seen import SeenObservations, view_of
from builder.pipeline.info_columns import info_annotation
from builder.pipeline.pairing import Found
from builder.rollout.interference import ExpertLabels

Source = Callable[[BuildConfig, Found], Annotation | None]
"""The annotation that a key of the configuration asks for; None: it asks for none.

Raises a `ConfigError` where what is asked for is not to be had, which names what is.
"""


def _labels(config: BuildConfig, found: Found) -> Annotation | None:
    rollout, space = config.rollout, found.spaces.action
    return ExpertLabels(space, rollout.switch is not None) if rollout.interferes else None


def _simulator_state(config: BuildConfig, found: Found) -> Annotation | None:
    return kept_state(found.matched.spec) if config.dataset.simulator_state else None


def _policy_observation(config: BuildConfig, found: Found) -> Annotation | None:
    if not config.dataset.policy_observation:
        return None
    members = found.player.members if isinstance(found.player, MixturePlayer) else ()
    if any(view_of(member) is not None for member in members):
        raise ConfigError(
            "dataset.policy_observation is not known of several experts in turn:"
            f" those of {found.expert.name} see through wrappers",
            remedy="leave it out, or build with one of them in expert.path",
        )
    return SeenObservations.of(found.player, found.spaces.observation, found.spaces.action)


def _teacher(config: BuildConfig, found: Found) -> Annotation | None:
    if not config.dataset.teacher:
        return None
    rollout = config.rollout
    return teacher_columns(
        found.expert,
        found.player,
        config.dataset.teacher,
        spaces=(found.spaces.observation, found.spaces.action),
        labelled=rollout.interferes,
        sampled=not rollout.deterministic and not rollout.interferes,
        vec_normalize=config.expert.vec_normalize,
    )


SOURCES: dict[str, Source] = {
    "dataset.info": info_annotation,
    "dataset.simulator_state": _simulator_state,
    "rollout.noise (or .switch, .target)": _labels,
    "dataset.policy_observation": _policy_observation,
    "dataset.teacher": _teacher,
}
"""By key."""


def annotations_of(
    config: BuildConfig,
    found: Found,
    own: Mapping[str, Callable[..., Any]],
    sources: Mapping[str, Source] = SOURCES,
) -> tuple[Annotation, ...]:
    """What is recorded beside, in the order of the sources.

    Raises:
        ConfigError: it cannot be had, or a function of the user's own plays, which records nothing beside.
    """
    asked = {key: annotation for key, of in sources.items() if (annotation := of(config, found)) is not None}
    if asked and "enjoy" in own:
        key = next(iter(asked))
        raise ConfigError(
            f"{key} is recorded by the built-in enjoy alone", remedy=f"leave {key} out, or enjoy"
        )
    return tuple(asked.values())


def with_instances(config: BuildConfig, annotations: Iterable[Annotation]) -> BuildConfig:
    """The configuration with fresh environments where a used one holds something of earlier episodes.

    Raises:
        ConfigError: the configuration says that they are used again.
    """
    if not any(isinstance(annotation, KeptState) and annotation.fresh for annotation in annotations):
        return config
    if config.env.instances not in ("auto", "fresh"):
        raise ConfigError(
            "dataset.simulator_state needs a fresh instance for each episode of this environment, whose reset"
            " leaves something of the one before in its state",
            got=f"env.instances={config.env.instances}",
            remedy="leave out env.instances",
        )
    return dataclasses.replace(config, env=dataclasses.replace(config.env, instances="fresh"))
