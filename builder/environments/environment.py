"""Environments: found, limited, made."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.environments.atari import AtariEnvironment
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.headless import follow, without_screen
from builder.environments.importing import import_module
from builder.environments.masks import ASKED, Masked
from builder.environments.pixels import Drawn, InTurn, draws_in_steps
from builder.environments.providers import provide
from builder.environments.wrappers import PLAIN, Layers, WrapperSpec, wrapped
from builder.errors import ConfigError, EnvironmentError_, MissingExtraError, missing_extra, suggest
from builder.values import concealed, resolved

EXTRAS = {"mujoco": "mujoco", "box2d": "box2d", "ale_py": "atari", "jax": "jax", "flax": "jax"}
"""What brings the package that an environment's module needs, by a word of its name or of the error."""
Missing = ImportError | gym.error.DependencyNotInstalled


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment, ready to be made in any worker.

    Attributes:
        id: its registered id.
        kwargs: passed to its constructor.
        max_episode_steps: the engine truncates an episode at this many steps; None: it ends by itself.
        bare: made without gymnasium's own TimeLimit and OrderEnforcing, whose work the engine does.
        reusable: one object may play many attempts, since its `reset(seed=)` forgets the past.
        single: it is right only where nothing else plays in its process: one lane, one object at a time.
        preprocessing: what is made of Atari's frames; a step is then a decision of the agent.
        wrappers: the user's own, innermost first.
        masks: where it is asked which actions are allowed (`builder.environments.masks`); "": nowhere.
        render_mode: how it is made to show itself (`builder.environments.drawing`); "": as its kwargs say.
            It does the same, so that this is no part of what is played.
        pixels: height and width of the pictures that it gives with every state
            (`builder.environments.pixels`); None: it gives none. Needs a `render_mode`.
        drawn_by: what draws it where it is drawn (`builder.environments.drawing`); else "".
        vector: how its lanes are stepped together (`builder.environments.pool`); "": one after the other.
        registered: its registration, so that a worker makes what this process knows by the id.
        folder: where modules are looked for beside the installed packages.
    """

    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_episode_steps: int | None = None
    bare: bool = True
    reusable: bool = False
    single: bool = False
    preprocessing: AtariPreprocessing | None = None
    wrappers: tuple[WrapperSpec, ...] = ()
    masks: str = ""
    render_mode: str = ""
    pixels: tuple[int, int] | None = None
    drawn_by: str = ""
    vector: str = ""
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
    folder = _folder_of_modules(env_id, layers)
    registered = _carried(registration(env_id, folder))
    own = max_episode_steps or _own_limit(registered, resolved(kwargs), layers.preprocessing)
    limits = [n for n in (own, max_steps) if n is not None]
    if not limits:
        # One that cannot be made says so first, as the MuJoCo environments of old do.
        make(EnvironmentSpec(env_id, dict(kwargs), registered=registered, folder=folder)).close()
        raise EnvironmentError_(
            f"{env_id} has no time limit, so an episode might never end",
            remedy="give one with env.max_episode_steps=",
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


def _folder_of_modules(env_id: str, layers: Layers) -> str:
    """The working folder, where a module of it is named or may have registered the environment; else none."""
    named = any(":" in name for name in (env_id, *(wrapper.path for wrapper in layers.wrappers)))
    here = str(Path.cwd())
    return here if named or here in sys.path or "" in sys.path else ""


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


def registration(env_id: str, folder: str = "") -> gym.envs.registration.EnvSpec:
    """What is registered under an id.

    Args:
        env_id: an id, or `module:Id`, which imports the module first.
        folder: where such a module is looked for beside the installed packages.

    Raises:
        ConfigError: no such id.
        MissingExtraError: the module that registers it, or one that it needs, is not installed.
        EnvironmentError_: the module cannot be imported.
    """
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
        raise _lacking(env_id, module, error) from error
    except (errors.Error, ValueError):
        like = [known for known in gym.registry if ("/" in known) == ("/" in name)]
        remedy = suggest(name, like, written=lambda near: _written(near, module) if colon else near)
        if "/" in env_id and not colon:
            remedy = f"name the package that registers it, which must be installed: env.id=package:{env_id}"
        raise ConfigError(f"there is no environment {env_id!r}", remedy=remedy) from None
    except (Exception, SystemExit) as error:
        raise EnvironmentError_(
            f"{env_id} cannot be made: importing {module} raised {type(error).__name__}: {error}"
        ) from error


def _written(registered: str, module: str) -> str:
    """The id of what a module may have registered; gymnasium's own need none in front."""
    ours = str(gym.registry[registered].entry_point).startswith("gymnasium.")
    return registered if ours else f"{module}:{registered}"


def _lacking(env_id: str, entry_point: str, error: Missing) -> MissingExtraError:
    """What brings the package that the environment needs."""
    words = re.findall(r"\w+", f"{entry_point} {error}".lower())
    extra = next((name for word, name in EXTRAS.items() if word in words), None)
    moved, broken = "robotics" in words, type(error) is ImportError
    if extra and not moved and not broken:
        return missing_extra(env_id, extra)
    newest = 'play its newest version, or pip install "il-builder[robotics]"'
    return MissingExtraError(
        f"{env_id} needs a package that is not installed: {error}",
        remedy=newest if moved else "install the package that it comes with",
    )


def make(spec: EnvironmentSpec) -> gym.Env[Any, Any]:
    """Make the environment, without what only checks or counts.

    Raises:
        MissingExtraError: a package that it needs is not installed.
        EnvironmentError_: its constructor fails.
    """
    registered = spec.registered or registration(spec.id, spec.folder)
    provide(spec.id.rpartition(":")[2])
    if spec.folder and spec.folder not in sys.path:
        sys.path.append(spec.folder)
    if spec.bare:
        registered = dataclasses.replace(registered, order_enforce=False, max_episode_steps=None)
    limit = None if spec.bare else spec.max_episode_steps
    kwargs = resolved(spec.kwargs) | ({"render_mode": spec.render_mode} if spec.render_mode else {})
    if kwargs.get("render_mode", "human") != "human":
        without_screen(str(registered.entry_point))
    try:
        with warnings.catch_warnings():
            # Old versions and MuJoCo's own deprecations: the user chose the version, and is told of it once.
            warnings.simplefilter("ignore")
            environment = gym.make(registered, max_episode_steps=limit, disable_env_checker=True, **kwargs)
    except (ImportError, gym.error.DependencyNotInstalled) as error:
        raise _lacking(spec.id, str(registered.entry_point), error) from error
    except (Exception, SystemExit) as error:
        raise EnvironmentError_(
            f"{spec.id} cannot be made with kwargs {dict(spec.kwargs)}: {type(error).__name__}:"
            f" {concealed(str(error), spec.kwargs)}",
            remedy="check env.kwargs",
        ) from error
    if spec.render_mode:
        follow(environment, kwargs)
    return _around(environment, spec, draws=bool(spec.wrappers and kwargs.get("render_mode")))


def _around(environment: gym.Env[Any, Any], spec: EnvironmentSpec, *, draws: bool) -> gym.Env[Any, Any]:
    """What is put around an environment, innermost first; `draws`: a wrapper may draw in its steps."""
    if spec.preprocessing is not None:
        environment = AtariEnvironment(environment, spec.preprocessing)
    environment = wrapped(environment, spec.wrappers, spec.folder)
    if draws_in_steps(environment) or draws:
        environment = InTurn(environment)
    if spec.pixels:
        environment = Drawn(environment, *spec.pixels)
    return Masked(environment, spec.masks) if spec.masks in ASKED else environment
