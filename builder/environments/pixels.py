"""Pictures of an environment, one with every state: what becomes the column `pixels`."""

from __future__ import annotations

import sys
import threading
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.headless import GL
from builder.episodes.spaces import Array
from builder.errors import EnvironmentError_, MissingExtraError, missing_extra

RGB = "rgb_array"
"""The render mode of gymnasium in which `render()` gives a picture."""
PICTURE = f'where it is made with render_mode="{RGB}", its render() should give uint8 [height, width, 3]'
NO_GL = f"install EGL (Debian: apt install libegl1 libgl1-mesa-dri) or OSMesa (libosmesa6); {GL} chooses"
EXTRAS = {"pygame": "box2d", **dict.fromkeys(("imageio", "glfw", "named 'opengl'"), "mujoco")}
LIBRARIES = ("egl", "osmesa", "opengl", "gl backend")
"""Words of the errors that tell of the absence of what is needed to draw."""


OBSERVES_PICTURES = ("gymnasium.envs.box2d.car_racing",)
"""Modules whose environments draw with pygame what they observe."""
_DRAWING = threading.RLock()
"""Held by the only thread of this process that draws: all polygons of SDL_gfx lie in one buffer."""


class Drawn(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that is drawn with every state; nothing else of it is changed.

    Args:
        environment: made with `render_mode="rgb_array"`.
        height: of its pictures.
        width: likewise.
    """

    def __init__(self, environment: gym.Env[Any, Any], height: int, width: int) -> None:
        super().__init__(environment)
        self._size = height, width
        self.shown = np.zeros((height, width, 3), np.uint8)

    def reset(self, **kwargs: Any) -> Any:
        answer = self.env.reset(**kwargs)
        self.shown = resized(frame(self.env), *self._size)
        return answer

    def step(self, action: Any) -> Any:
        answer = self.env.step(action)
        self.shown = resized(frame(self.env), *self._size)
        return answer

    def close(self) -> None:
        with _DRAWING:
            self.env.close()


class InTurn(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that draws in its own steps: no other of this process draws at that time."""

    def reset(self, **kwargs: Any) -> Any:
        with _DRAWING:
            return self.env.reset(**kwargs)

    def step(self, action: Any) -> Any:
        with _DRAWING:
            return self.env.step(action)

    def close(self) -> None:
        with _DRAWING:
            self.env.close()


def draws_in_steps(environment: gym.Env[Any, Any]) -> bool:
    """Whether what an environment observes is drawn by pygame."""
    return type(environment.unwrapped).__module__.startswith(OBSERVES_PICTURES)


def shown(environment: gym.Env[Any, Any]) -> Array:
    """The picture of the state that a `Drawn` environment is in: uint8 [height, width, 3]; its own."""
    found: Array = environment.get_wrapper_attr("shown")
    return found


def resized(picture: Array, height: int, width: int) -> Array:
    """A picture of another size, each pixel the mean of the area that it stands for; the same bytes anywhere.

    Pillow computes in whole numbers (`Resample.c`), whatever the processor.

    Args:
        picture: uint8 [H, W, 3].
        height: wanted.
        width: wanted; sides need not be in proportion.
    """
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


def frame(environment: gym.Env[Any, Any]) -> Array:
    """What an environment shows now: uint8 [height, width, 3], the caller's own.

    Args:
        environment: made from a spec that is `drawable`, and reset.

    Raises:
        EnvironmentError_: it gives something else than a picture.
        MissingExtraError: a package or a library that draws is missing.
    """
    try:
        with _DRAWING:
            _wake(environment)
            picture: Any = environment.render()
            picture = np.array(picture, order="C") if _is_picture(picture) else picture
    except Exception as error:
        raise _undrawn(_name(environment), error) from error
    if not _is_picture(picture):
        kind = getattr(picture, "dtype", None)
        raise EnvironmentError_(
            f"{_name(environment)} cannot be drawn: render() gave no picture",
            expected="uint8 [height, width, 3]",
            got=f"{kind} {list(picture.shape)}" if kind is not None else type(picture).__name__,
            remedy=PICTURE,
        )
    found: Array = picture
    return found


def _wake(environment: gym.Env[Any, Any]) -> None:
    """Make what draws this environment ready, where another one used it last.

    One that was closed has ended pygame for all others, fonts included; and MuJoCo draws into whatever OpenGL
    context was made last.
    """
    pygame: Any = sys.modules.get("pygame")
    if pygame is not None and not pygame.get_init():
        pygame.init()
    viewer: Any = getattr(getattr(environment.unwrapped, "mujoco_renderer", None), "viewer", None)
    if viewer is not None:
        viewer.make_context_current()


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


def _undrawn(name: str, error: Exception) -> EnvironmentError_:
    """What is said of an environment whose `render()` raised an error."""
    text = f"{type(error).__module__} {type(error).__name__} {error}".lower()
    absent = isinstance(error, (ImportError, gym.error.DependencyNotInstalled))
    extra = next((extra for word, extra in EXTRAS.items() if word in text), None)
    if absent and extra:
        return missing_extra(f"drawing {name}", extra)
    what = f"{name} cannot be drawn: render() raised {type(error).__name__}: {error}"
    if any(word in text for word in LIBRARIES):
        return MissingExtraError(what, remedy=NO_GL)
    return MissingExtraError(what, remedy="install what it draws with") if absent else EnvironmentError_(what)
