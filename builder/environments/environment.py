"""Environments: making them, their time limit, and whether `reset(seed=)` forgets the past."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.atari import AtariEnvironment
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.importing import import_module
from builder.environments.providers import provide
from builder.environments.wrappers import PLAIN, Layers, WrapperSpec, wrapped
from builder.episodes.episode import arrays_of
from builder.errors import ConfigError, EnvironmentError_, MissingExtraError, suggest

REMEDIES = {
    "robotics": "play its newest version, or pip install gymnasium-robotics",
    "mujoco": 'pip install "il-builder[mujoco]"',
    "box2d": 'pip install "il-builder[box2d]"',
    "ale_py": 'pip install "il-builder[atari]"',
}
"""What brings the package that an environment's module needs."""

KEEPS_ITS_PAST = ("gymnasium.envs.box2d.bipedal_walker", "gymnasium.envs.box2d.car_racing")
"""Modules whose environments keep their Box2D world across `reset`: the same seed gives another episode
(BipedalWalker: 8 of 20). The check below would find most of it; nothing is left to luck."""
FORGETS_ITS_PAST = ("ale_py.env",)
"""Modules whose environments load their whole game again when they are given a seed, which takes so long that
the check would not end in time."""

PROBE_EPISODES = 6
PROBE_STEPS = 200
PROBE_SECONDS = 1.0


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment, ready to be made in any worker.

    Attributes:
        id: its registered id.
        kwargs: passed to its constructor.
        max_episode_steps: the engine truncates an episode at this many steps; None: it ends by itself.
        bare: made without gymnasium's own TimeLimit and OrderEnforcing, whose work the engine does.
        reusable: one object may play many attempts, since its `reset(seed=)` forgets the past.
        preprocessing: what is made of Atari's frames; a step is then a decision of the agent.
        wrappers: the user's own, innermost first.
        registered: its registration, so that a worker makes what this process knows by the id.
        folder: where modules are looked for beside the installed packages.
    """

    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_episode_steps: int | None = None
    bare: bool = True
    reusable: bool = False
    preprocessing: AtariPreprocessing | None = None
    wrappers: tuple[WrapperSpec, ...] = ()
    registered: gym.envs.registration.EnvSpec | None = field(default=None, compare=False, repr=False)
    folder: str = field(default="", compare=False, repr=False)


def resolve(
    env_id: str,
    kwargs: Mapping[str, Any],
    *,
    max_episode_steps: int | None,
    max_steps: int | None,
    layers: Layers = PLAIN,
) -> EnvironmentSpec:
    """Look an environment up.

    Args:
        env_id: a registered id, or `module:Id`, which imports the module first.
        kwargs: passed to the constructor.
        max_episode_steps: instead of the registered limit.
        max_steps: a further limit, for an environment that has none.
        layers: what is put around it.

    Raises:
        ConfigError: no such id.
        MissingExtraError: the module that registers it, or one that it needs, is not installed.
        EnvironmentError_: nothing limits an episode, or the module cannot be imported.
    """
    folder = str(Path.cwd())
    registered = _carried(_registered(env_id, folder))
    own = max_episode_steps or _own_limit(registered, kwargs, layers.preprocessing)
    limits = [n for n in (own, max_steps) if n is not None]
    if not limits:
        # One that cannot be made says so first, as the MuJoCo environments of old do.
        make(EnvironmentSpec(env_id, dict(kwargs), registered=registered, folder=folder)).close()
        raise EnvironmentError_(
            f"{env_id} has no time limit, so an episode might never end",
            remedy="give one with rollout.max_steps=",
        )
    # Wrappers may need the limit beneath them: leave it in place.
    bare = not registered.additional_wrappers and not layers.wrappers
    return EnvironmentSpec(
        env_id,
        dict(kwargs),
        min(limits),
        bare,
        preprocessing=layers.preprocessing,
        wrappers=layers.wrappers,
        registered=registered,
        folder=folder,
    )


def _carried(registered: gym.envs.registration.EnvSpec) -> gym.envs.registration.EnvSpec:
    """The registration as it travels: a class that a module holds goes by its name, any other as it is."""
    entry_point: Any = registered.entry_point
    module, name = getattr(entry_point, "__module__", ""), getattr(entry_point, "__qualname__", "")
    if (
        callable(entry_point)
        and module != "__main__"
        and getattr(sys.modules.get(module), name, None) is entry_point
    ):
        return dataclasses.replace(registered, entry_point=f"{module}:{name}")
    return registered


def _own_limit(
    registered: gym.envs.registration.EnvSpec,
    kwargs: Mapping[str, Any],
    preprocessing: AtariPreprocessing | None,
) -> int | None:
    """The limit of an episode in steps; Atari's emulator counts frames and ends an episode itself."""
    made_with = {**registered.kwargs, **kwargs}
    frames = made_with.get("max_num_frames_per_episode")
    limit = registered.max_episode_steps
    if limit is None and type(frames) is int and frames > 0:
        skip = made_with.get("frameskip", 1)
        limit = math.ceil(frames / (min(skip) if isinstance(skip, (tuple, list)) else skip))
    if limit is None or preprocessing is None:
        return limit
    return math.ceil(limit / preprocessing.frame_skip)


def _registered(env_id: str, folder: str = "") -> gym.envs.registration.EnvSpec:
    import gymnasium.error as errors

    module, colon, name = env_id.rpartition(":")
    if not colon:
        provide(name)
    try:
        if colon:
            import_module(module, folder)  # which registers it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return gym.spec(name)
    except ImportError as error:
        raise missing_extra(env_id, module, error) from error
    except (errors.Error, ValueError) as error:
        remedy = suggest(name, [known for known in gym.registry if ("/" in known) == ("/" in name)])
        if "/" in env_id and not colon:
            remedy = f"name the package that registers it, which must be installed: env.id=package:{env_id}"
        raise ConfigError(f"there is no environment {env_id!r}", remedy=remedy) from error
    except Exception as error:
        raise EnvironmentError_(
            f"{env_id} cannot be made: importing {module} raised {type(error).__name__}: {error}"
        ) from error


def missing_extra(env_id: str, entry_point: str, error: ImportError) -> MissingExtraError:
    """What brings the package that the environment needs."""
    words = re.findall(r"\w+", f"{entry_point} {error}".lower())
    remedy = next((text for word, text in REMEDIES.items() if word in words), None)
    return MissingExtraError(
        f"{env_id} needs a package that is not installed: {error}",
        remedy=remedy or "install the package that it comes with",
    )


def make(spec: EnvironmentSpec) -> gym.Env[Any, Any]:
    """Make the environment, without what only checks or counts.

    Raises:
        MissingExtraError: a package that it needs is not installed.
        EnvironmentError_: its constructor fails.
    """
    registered = spec.registered or _registered(spec.id, spec.folder)
    provide(spec.id.rpartition(":")[2])
    if spec.folder and spec.folder not in sys.path:
        sys.path.append(spec.folder)
    if spec.bare:
        registered = dataclasses.replace(registered, order_enforce=False, max_episode_steps=None)
    limit = None if spec.bare else spec.max_episode_steps
    try:
        with warnings.catch_warnings():
            # Old versions and MuJoCo's own deprecations: the user chose the version, and is told of it once.
            warnings.simplefilter("ignore")
            environment = gym.make(
                registered, max_episode_steps=limit, disable_env_checker=True, **dict(spec.kwargs)
            )
    except ImportError as error:
        raise missing_extra(spec.id, str(registered.entry_point), error) from error
    except gym.error.DependencyNotInstalled as error:
        raise missing_extra(spec.id, str(registered.entry_point), ImportError(str(error))) from error
    except Exception as error:
        raise EnvironmentError_(
            f"{spec.id} cannot be made with kwargs {dict(spec.kwargs)}: {error}", remedy="check env.kwargs"
        ) from error
    if spec.preprocessing is not None:
        environment = AtariEnvironment(environment, spec.preprocessing)
    return wrapped(environment, spec.wrappers, spec.folder)


def check_reuse(spec: EnvironmentSpec) -> EnvironmentSpec:
    """The spec with `reusable` set where a check has shown that `reset(seed=)` forgets the past.

    One object plays several seeds in a row, a fresh object each of them alone, with the same random
    actions; every observation, reward and flag must be the same. What takes too long to check is not reused.
    """
    reused = make(spec)
    try:
        module = type(reused.unwrapped).__module__
        if module.startswith(KEEPS_ITS_PAST):
            return spec
        if module in FORGETS_ITS_PAST:
            return dataclasses.replace(spec, reusable=True)
        deadline = time.monotonic() + PROBE_SECONDS
        for seed in range(PROBE_EPISODES):
            fresh = make(spec)
            try:
                alike = _plays_alike(reused, fresh, seed)
            except Exception:  # noqa: BLE001  (random actions may break it; the expert's need not)
                alike = False
            finally:
                fresh.close()
            if not alike or time.monotonic() > deadline:
                return spec
    finally:
        reused.close()
    return dataclasses.replace(spec, reusable=True)


def _plays_alike(one: gym.Env[Any, Any], other: gym.Env[Any, Any], seed: int) -> bool:
    actions = one.action_space
    actions.seed(seed)
    if not _same(one.reset(seed=seed)[0], other.reset(seed=seed)[0]):
        return False
    for _ in range(PROBE_STEPS):
        action = actions.sample()
        left, right = one.step(action), other.step(action)
        if left[1:4] != right[1:4] or not _same(left[0], right[0]):
            return False
        if left[2] or left[3]:
            break
    return True


def _same(left: Any, right: Any) -> bool:
    pairs = zip(arrays_of(left), arrays_of(right), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)
