"""From a configuration to what comes between the expert's actions and those that are done."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym

from builder.config import BuildConfig, ExpertConfig, RolloutConfig
from builder.episodes.noise import Noise
from builder.episodes.spaces import leaves
from builder.episodes.switch import KEY, RANDOM, Switch
from builder.errors import BuilderError, ConfigError
from builder.experts.actor import Player, RandomPlayer
from builder.experts.mixture import without_sampling
from builder.experts.sources.load import load_expert
from builder.experts.sources.local import LocalSource
from builder.experts.sources.table import described_source
from builder.manifest.identity import sha256_of
from builder.pipeline.pairing import Found, described_environment, find
from builder.rollout.interference import Interference
from builder.storage.paths import expanded

_OF_THE_FILE = ("name", "members")
"""What an identity calls files; what is in them, its digests say."""


def interference_of(config: BuildConfig, found: Found) -> Interference | None:
    """What comes between; None: nothing does.

    Raises:
        ConfigError: it does not suit the expert, or the action space.
    """
    rollout = config.rollout
    if not rollout.interferes:
        return None
    if not described_source(found.expert.identity).chooses:
        raise ConfigError(
            "noise and switches come after what an expert chooses, and random actions are nobody's choice",
            remedy="leave rollout.noise and rollout.switch out",
        )
    noise = _noise(rollout, found.spaces.action)
    if noise is not None:
        noise.check(found.spaces.action)
    labeller = None if rollout.deterministic else without_sampling(found.player)
    if rollout.switch is None:
        return Interference(noise, labeller=labeller)
    switch, other, notes = _other(config, found)
    return Interference(noise, switch, other, labeller, notes)


def _noise(rollout: RolloutConfig, space: gym.Space[Any]) -> Noise | None:
    """The noise; of a target alone, normal noise on continuous actions, else random choices."""
    if rollout.noise is not None:
        return Noise.of(rollout.noise, sought=rollout.target is not None)
    if rollout.target is None:
        return None
    continuous = all(
        isinstance(leaf.space, gym.spaces.Box) and leaf.dtype.kind == "f" for leaf in leaves(space)
    )
    return Noise("gaussian" if continuous else "epsilon")


def _other(config: BuildConfig, found: Found) -> tuple[Switch, Player, tuple[str, ...]]:
    """When another policy plays, that policy, and what is noted of it; its `policy` is what it is known by.

    Raises:
        ConfigError: nothing says when, or it plays something else than the expert.
        ExpertError: there is no such archive, or it cannot be read.
    """
    switch = Switch.of(config.rollout.switch or {})
    switch.check()
    if switch.policy == RANDOM:
        return switch, RandomPlayer(), ()
    if not (path := expanded(switch.policy)).exists():
        raise ConfigError(
            f"there is no file {switch.policy} for {KEY}",
            expected="random, or the path of an archive (.zip) that plays the same environment",
        )
    said = ExpertConfig(LocalSource.name, LocalSource.name, path=switch.policy)
    where = dataclasses.replace(
        config.env, id=found.matched.trained_on, kwargs=dict(found.matched.spec.kwargs)
    )
    try:
        other = find(load_expert(said, config.rollout), dataclasses.replace(config, expert=said, env=where))
    except BuilderError as error:
        error.what = f"the policy of {KEY}, {path.name}: {error.what}"
        error.remedy = error.remedy and error.remedy.replace("expert.path", KEY)
        raise
    theirs, ours = (described_environment(each.matched) for each in (other, found))
    if theirs != ours:
        raise ConfigError(
            "the policy of rollout.switch plays something else than the expert", expected=ours, got=theirs
        )
    known = {key: value for key, value in other.expert.identity.items() if key not in _OF_THE_FILE}
    named = f"sha256:{sha256_of(known)}"
    sha256 = other.expert.identity["sha256"]
    note = f"the other policy is {path.name}, sha256 {sha256}; its identity has the {named.replace(':', ' ')}"
    return dataclasses.replace(switch, policy=named), other.player, (note,)
