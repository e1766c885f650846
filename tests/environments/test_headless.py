"""Drawing without a screen: what is said of it, and what the user has said stays."""

import subprocess
import sys

import pytest

from builder.environments.headless import GL, NO_SCREEN, software_gl, without_screen

PENDULUM = "gymnasium.envs.classic_control:PendulumEnv"
CHEETAH = "gymnasium.envs.mujoco.half_cheetah_v5:HalfCheetahEnv"


def test_pygame_is_told_that_there_is_no_screen():
    variables = {}
    without_screen(PENDULUM, variables)
    assert {name: variables[name] for name in NO_SCREEN} == NO_SCREEN


def test_what_the_user_has_said_stays():
    mine = {"SDL_VIDEODRIVER": "x11", GL: "glfw"}
    variables = dict(mine)
    without_screen(CHEETAH, variables)
    assert mine.items() <= variables.items()


@pytest.mark.skipif(not software_gl(), reason="no OpenGL without a screen here")
def test_mujoco_is_told_what_draws_here():
    variables = {}
    without_screen(CHEETAH, variables)
    assert variables[GL] == software_gl()


def test_pygame_alone_needs_no_opengl():
    code = (
        "from builder.environments.headless import without_screen\n"
        "variables = {}\n"
        f"without_screen({PENDULUM!r}, variables)\n"
        f"print({GL!r} in variables)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
