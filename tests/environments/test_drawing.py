"""What environments show: drawn without a screen, or refused in one line."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import register
from sweeps import sweep

from builder.environments.drawing import drawable, drawn_by, frame
from builder.environments.environment import make, resolve
from builder.environments.headless import software_gl
from builder.errors import EnvironmentError_, MissingExtraError


class Corridor(gym.Env):
    """Shows what it is told to show."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gym.spaces.Discrete(3)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, shows=None, render_mode=None):
        self.render_mode, self.shows = render_mode, shows

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def render(self):
        if isinstance(self.shows, Exception):
            raise self.shows
        return self.shows


class Unseen(Corridor):
    metadata = {"render_modes": ["ansi"]}  # noqa: RUF012


register("Drawn/Corridor-v0", Corridor, max_episode_steps=5)
register("Drawn/Unseen-v0", Unseen, max_episode_steps=5)
PICTURE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def spec_of(env_id, **kwargs):
    return resolve(env_id, kwargs, max_episode_steps=None, max_steps=None)


def drawn(env_id, **kwargs):
    environment = make(drawable(spec_of(env_id, **kwargs)))
    environment.reset(seed=0)
    return environment


@sweep(
    ("env_id", "shape"),
    [
        ("CartPole-v1", (400, 600, 3)),
        ("Pendulum-v1", (500, 500, 3)),
        ("LunarLander-v3", (400, 600, 3)),
        ("ALE/Breakout-v5", (210, 160, 3)),
    ],
    quick=2,
)
def test_a_picture_is_what_the_environment_shows(env_id, shape):
    environment = drawn(env_id)
    picture = frame(environment)
    environment.close()
    assert (picture.shape, picture.dtype) == (shape, np.uint8)
    assert len(np.unique(picture)) > 1
    assert picture.flags["C_CONTIGUOUS"]


@pytest.mark.skipif(not software_gl(), reason="no OpenGL without a screen here")
def test_mujoco_draws_without_a_screen():
    environment = drawn("Reacher-v5")
    assert frame(environment).std() > 1
    environment.close()


def test_drawing_changes_nothing_but_how_it_is_made():
    spec = spec_of("CartPole-v1")
    assert dataclasses.replace(drawable(spec), render_mode="", drawn_by="") == spec


def test_a_picture_is_the_callers_own():
    environment = drawn("Drawn/Corridor-v0", shows=PICTURE)
    frame(environment)[:] = 9
    assert (frame(environment) == np.arange(24).reshape(2, 4, 3)).all()


def test_the_render_mode_of_a_user_gives_way():
    environment = drawn("CartPole-v1", render_mode="human")
    assert environment.unwrapped.render_mode == "rgb_array"


def test_one_that_is_closed_ends_no_other():
    other, environment = drawn("CarRacing-v3"), drawn("CarRacing-v3")
    before = frame(environment)
    other.close()
    assert (frame(environment) == before).all()
    environment.close()


def test_an_environment_without_pictures_is_refused():
    with pytest.raises(EnvironmentError_, match="Drawn/Unseen-v0 cannot be drawn; expected") as caught:
        drawable(spec_of("Drawn/Unseen-v0"))
    assert caught.value.got == ["ansi"]


@pytest.mark.parametrize(
    "shows",
    [None, PICTURE.astype(float), PICTURE[:, :, 0], PICTURE[:, :, :2], PICTURE[:0], [PICTURE]],
    ids=["nothing", "floats", "grey", "two-colours", "empty", "a-list"],
)
def test_what_is_no_picture_is_refused(shows):
    with pytest.raises(EnvironmentError_, match="gave no picture; expected uint8"):
        drawable(spec_of("Drawn/Corridor-v0", shows=shows))


@pytest.mark.parametrize(
    ("raised", "remedy"),
    [
        (gym.error.DependencyNotInstalled("pygame is not installed"), "il-builder[box2d]"),
        (ImportError("Cannot use OSMesa rendering"), "libosmesa6"),
        (AttributeError("'NoneType' object has no attribute 'eglQueryString'"), "libegl1"),
        (RuntimeError("No OpenGL backend could be imported"), "libosmesa6"),
        (ModuleNotFoundError("No module named 'OpenGL'"), "il-builder[mujoco]"),
        (ModuleNotFoundError("No module named 'vtk'"), "install what it draws with"),
    ],
)
def test_what_is_missing_is_named(raised, remedy):
    with pytest.raises(MissingExtraError, match=r"cannot be drawn|needs the extra") as caught:
        drawable(spec_of("Drawn/Corridor-v0", shows=raised))
    assert remedy in caught.value.remedy


def test_what_render_raises_is_said():
    with pytest.raises(EnvironmentError_, match=r"cannot be drawn: render\(\) raised ValueError: no sun$"):
        drawable(spec_of("Drawn/Corridor-v0", shows=ValueError("no sun")))


@pytest.mark.parametrize(
    ("env_id", "expected"),
    [("Pendulum-v1", "pygame"), ("ALE/Breakout-v5", "emulator"), ("Drawn/Corridor-v0", "itself")],
)
def test_what_draws_is_known_by_its_module(env_id, expected):
    shows = {"shows": PICTURE} if env_id.startswith("Drawn") else {}
    assert drawable(spec_of(env_id, **shows)).drawn_by == expected


def test_mujoco_draws_by_opengl():
    environment = make(spec_of("Reacher-v5"))
    assert drawn_by(environment) == "opengl"
    environment.close()
