"""What an environment shows: made so that it draws into memory, and one picture of it.

Films and the column `pixels` begin here. How an environment is drawn is no part of what is played: it stands
in no identity, and what is recorded is compared with the environment as it was played.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import gymnasium as gym

from builder.environments.environment import EnvironmentSpec, make
from builder.environments.pixels import PICTURE, RGB
from builder.environments.pixels import frame as frame  # noqa: PLC0414  (part of it)
from builder.errors import EnvironmentError_

OPENGL = "opengl"
"""What does not draw the same with every driver."""
DRAWN_BY = {
    "gymnasium.envs.classic_control": "pygame",
    "gymnasium.envs.toy_text": "pygame",
    "gymnasium.envs.box2d": "pygame",
    "gymnasium.envs.mujoco": OPENGL,
    "gymnasium_robotics": OPENGL,
    "ale_py": "emulator",
}
"""What draws environments, by the beginning of the module of their class or of one above it."""
ITSELF = "itself"
"""What draws any other."""


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
        return dataclasses.replace(drawn, drawn_by=drawn_by(environment))
    finally:
        environment.close()


def with_pixels(spec: EnvironmentSpec, height: int, width: int) -> EnvironmentSpec:
    """The same environment, that gives a picture of this size with every state.

    Raises:
        EnvironmentError_: see `drawable`.
    """
    return dataclasses.replace(drawable(spec), pixels=(height, width))


def _modes(spec: EnvironmentSpec) -> set[Any]:
    """The render modes that an environment says it has."""
    environment = make(spec)
    try:
        metadata: Any = getattr(environment.unwrapped, "metadata", None) or {}
        return set(metadata.get("render_modes") or ())
    finally:
        environment.close()


def drawn_by(environment: gym.Env[Any, Any]) -> str:
    """What draws an environment: `pygame`, an `emulator`, `opengl`, or the environment `itself`."""
    bases = [kind.__module__ for kind in inspect.getmro(type(environment.unwrapped))]
    if hasattr(environment.unwrapped, "mujoco_renderer"):
        return OPENGL
    found = (by for start, by in DRAWN_BY.items() if any(base.startswith(start) for base in bases))
    return next(found, ITSELF)


def undrawn(spec: EnvironmentSpec) -> EnvironmentSpec:
    """The same environment, made so that nothing draws it."""
    return dataclasses.replace(spec, render_mode="", pixels=None, drawn_by="")
