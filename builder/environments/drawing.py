"""What an environment shows: made so that it draws into memory, and one picture of it.

Films and the column `pixels` begin here. How an environment is drawn is no part of what is played: it stands
in no identity, and what is recorded is compared with the environment as it was played.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.environment import REMEDIES, EnvironmentSpec, make
from builder.environments.headless import GL
from builder.episodes.spaces import Array
from builder.errors import EnvironmentError_, MissingExtraError

RGB = "rgb_array"
"""The render mode of gymnasium in which `render()` gives a picture."""
PICTURE = f'where it is made with render_mode="{RGB}", its render() should give uint8 [height, width, 3]'
NO_GL = f"install EGL (Debian: apt install libegl1 libgl1-mesa-dri) or OSMesa (libosmesa6); {GL} chooses"
LIBRARIES = {
    "pygame": REMEDIES["box2d"],
    **dict.fromkeys(("imageio", "glfw", "named 'opengl'"), REMEDIES["mujoco"]),
    **dict.fromkeys(("egl", "osmesa", "opengl", "gl backend"), NO_GL),
}
"""What brings what is needed to draw, by a word of the error that tells of its absence."""


def drawable(spec: EnvironmentSpec) -> EnvironmentSpec:
    """The same environment, made so that `frame` can draw it.

    It is made once and draws its first state: what is missing is said now, not in the middle of play.

    Raises:
        EnvironmentError_: it cannot be drawn into memory.
        MissingExtraError: a package or a library that draws is missing.
    """
    modes = _modes(spec)
    drawn = dataclasses.replace(spec, render_mode=RGB)
    if RGB not in modes:
        raise EnvironmentError_(
            f"{spec.id} cannot be drawn",
            expected=f'"{RGB}" among metadata["render_modes"] of its class',
            got=sorted(map(str, modes)) or "no render modes",
            remedy=PICTURE,
        )
    environment = make(drawn)
    try:
        environment.reset(seed=0)
        frame(environment)
    finally:
        environment.close()
    return drawn


def _modes(spec: EnvironmentSpec) -> set[Any]:
    """The render modes that an environment says it has."""
    environment = make(spec)
    try:
        metadata: Any = getattr(environment.unwrapped, "metadata", None) or {}
        return set(metadata.get("render_modes") or ())
    finally:
        environment.close()


def frame(environment: gym.Env[Any, Any]) -> Array:
    """What an environment shows now: uint8 [height, width, 3], the caller's own.

    Args:
        environment: made from a spec that is `drawable`, and reset.

    Raises:
        EnvironmentError_: it gives something else than a picture.
        MissingExtraError: a package or a library that draws is missing.
    """
    _wake_pygame()
    try:
        picture: Any = environment.render()
    except Exception as error:
        what = f"{_name(environment)} cannot be drawn: render() raised {type(error).__name__}: {error}"
        if remedy := _brought_by(error):
            raise MissingExtraError(what, remedy=remedy) from error
        raise EnvironmentError_(what) from error
    if not _is_picture(picture):
        kind = getattr(picture, "dtype", None)
        raise EnvironmentError_(
            f"{_name(environment)} cannot be drawn: render() gave no picture",
            expected="uint8 [height, width, 3]",
            got=f"{kind} {list(picture.shape)}" if kind is not None else type(picture).__name__,
            remedy=PICTURE,
        )
    return np.array(picture, order="C")


def _wake_pygame() -> None:
    """Start pygame again where an environment that was closed has ended it for all others, fonts included."""
    pygame: Any = sys.modules.get("pygame")
    if pygame is not None and not pygame.get_init():
        pygame.init()


def _is_picture(picture: Any) -> bool:
    return (
        isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.ndim == 3
        and picture.shape[2] == 3
        and picture.size > 0
    )


def _name(environment: gym.Env[Any, Any]) -> str:
    return environment.spec.id if environment.spec else type(environment.unwrapped).__name__


def _brought_by(error: BaseException) -> str | None:
    """What brings what an error says is missing; None: it says something else."""
    text = f"{type(error).__module__} {type(error).__name__} {error}".lower()
    found = next((remedy for word, remedy in LIBRARIES.items() if word in text), None)
    absent = isinstance(error, (ImportError, gym.error.DependencyNotInstalled))
    return found or ("install what it draws with" if absent else None)
