"""Environments of yesterday: which of today's has the spaces that an expert was trained on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import gymnasium as gym

from builder.environments.environment import EnvironmentSpec, make, resolve
from builder.environments.providers import provide
from builder.environments.wrappers import PLAIN, Layers
from builder.errors import (
    ConfigError,
    EnvironmentError_,
    MissingExtraError,
    SpaceError,
    missing_extra,
)

ZEROS = {"Ant": 84}
"""Zeros that old MuJoCo appended: `Ant-v3` observed contact forces that it never computed. With the real
ones, as `Ant-v4` can give them, the return of its experts falls from 5,080 to 121."""

PHYSICS = {"gymnasium.envs.box2d": ("Box2D", "box2d"), "gymnasium.envs.mujoco": ("mujoco", "mujoco")}
"""By a folder of gymnasium: what its environments compute with, and the extra that brings it."""

NO_FRAMESKIP = re.compile(r"(?P<name>\w+)NoFrameskip-v(?P<version>[04])")
"""Old ids of Atari games, most of which ale-py still registers; version 0 repeats an action now and then."""

Fits = Callable[[gym.Space[Any], gym.Space[Any], int], None]
"""Raises SpaceError where the expert cannot play on an observation and an action space, with so many zeros
appended to its observations."""


@dataclass(frozen=True)
class Match:
    """The environment that is played in place of the one that the expert was trained on.

    Attributes:
        spec: the environment of today.
        trained_on: the id that the expert was trained on.
        zeros: how many zeros the expert sees after each observation.
    """

    spec: EnvironmentSpec
    trained_on: str
    zeros: int = 0

    @property
    def mapped(self) -> bool:
        """Whether it is another environment than the expert's own."""
        return self.spec.id != self.trained_on or self.zeros > 0


def match(
    env_id: str,
    kwargs: Mapping[str, Any],
    fits: Fits,
    *,
    limits: Mapping[str, int | None],
    layers: Layers = PLAIN,
) -> Match:
    """Find the environment whose spaces are those that the expert was trained on.

    The id itself is tried first, then the other versions of the same name, next newer ones first.

    Args:
        env_id: what the expert was trained on.
        kwargs: what the environment is made with.
        fits: whether the expert can play.
        limits: `max_episode_steps` and `max_steps`, see `resolve`.
        layers: what is put around it.

    Raises:
        ConfigError: no environment of that name.
        MissingExtraError: a package that it needs is not installed.
        SpaceError: none of the versions has the expert's spaces.
    """
    tried: dict[str, Exception] = {}
    for candidate, settings in _candidates(env_id):
        try:
            spec = resolve(candidate, {**settings, **kwargs}, **limits, layers=layers)
            environment = make(spec)
        except (ConfigError, EnvironmentError_) as error:
            tried[candidate] = error
            continue
        observation_space, action_space = environment.observation_space, environment.action_space
        environment.close()
        for zeros in zeros_of(env_id):
            try:
                fits(observation_space, action_space, zeros)
            except SpaceError as error:
                tried.setdefault(candidate, error)
            else:
                return Match(spec, env_id, zeros)
    raise _why_none(env_id, tried, wrapped=bool(layers.wrappers))


def refuse_without_extra(env_id: str) -> None:
    """Refuse an environment whose package is missing by what is registered, before it is made.

    Args:
        env_id: what an expert was trained on; of an id that is not known, nothing is said.

    Raises:
        MissingExtraError: the package is not installed.
    """
    provide(env_id)
    modules = {str(gym.registry[name].entry_point) for name, _ in _candidates(env_id) if name in gym.registry}
    for family, (package, extra) in PHYSICS.items():
        if any(module.startswith(f"{family}.") for module in modules) and not find_spec(package):
            raise missing_extra(env_id, extra)


def zeros_of(env_id: str) -> tuple[int, ...]:
    """How many zeros an expert of an environment may see after each observation, none first."""
    return tuple(sorted({0, ZEROS.get(_name(env_id), 0)}))


def _name(env_id: str) -> str:
    return env_id.rpartition("-v")[0] or env_id


def _version(env_id: str) -> int:
    version = env_id.rpartition("-v")[2]
    return int(version) if version.isdigit() else 0


def _candidates(env_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ids and what they must be made with to be what was asked for."""
    yield env_id, {}
    frames = NO_FRAMESKIP.fullmatch(env_id)
    if frames:
        settings = {"frameskip": 1, "repeat_action_probability": 0.25 if frames["version"] == "0" else 0.0}
        yield f"ALE/{frames['name']}-v5", settings
        return
    wrapped = NO_VELOCITIES.sub("", env_id)  # masking them is the expert's view of it
    own = _version(wrapped)
    versions = [known for known in gym.registry if _name(known) == _name(wrapped) and known != env_id]
    ordered = sorted(versions, key=lambda known: (_version(known) < own, _version(known)))
    yield from ((known, {}) for known in ordered)


def _why_none(env_id: str, tried: Mapping[str, Exception], *, wrapped: bool) -> Exception:
    """The most telling of the candidates' errors: a package that is missing, else that nothing fits."""
    if set(tried) == {env_id} and not isinstance(tried[env_id], SpaceError):
        return tried[env_id]
    fitting = {name: error for name, error in tried.items() if isinstance(error, SpaceError)}
    if not fitting:
        missing = [error for error in tried.values() if isinstance(error, MissingExtraError)]
        return missing[-1] if missing else next(iter(tried.values()))
    last = list(fitting.values())[-1]
    remedy = "install the package version that had it, or name another environment with env.id="
    if wrapped:
        remedy = "leave out what in env.wrappers changes spaces: the expert was trained without"
    return SpaceError(
        f"no environment here has the spaces of {env_id}, which the expert was trained on"
        f" (tried {', '.join(fitting)}{', within env.wrappers' if wrapped else ''})",
        expected=getattr(last, "expected", None),
        got=getattr(last, "got", None),
        remedy=remedy,
    )


NO_VELOCITIES = re.compile(r"NoVel(?=-v\d+$)")
"""Source: `rl_zoo3/import_envs.py`, which registers these ids."""
