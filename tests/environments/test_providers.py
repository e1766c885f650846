"""Environments of other packages, and the packages that are missing."""

import re
import sys
import tomllib

import gymnasium as gym
import pytest
from gymnasium.envs.registration import register
from places import ROOT

from builder.environments import providers
from builder.environments.environment import EXTRAS, make, resolve
from builder.errors import MissingExtraError


def found(env_id, kwargs=None, *, max_episode_steps=None, max_steps=None):
    return resolve(env_id, kwargs or {}, max_episode_steps=max_episode_steps, max_steps=max_steps)


def missing(name, message):
    """An environment whose constructor needs a package that is not installed."""

    def construct():
        raise ModuleNotFoundError(message)

    register(name, entry_point=construct, max_episode_steps=5)
    try:
        with pytest.raises(MissingExtraError) as caught:
            make(found(name))
    finally:
        gym.registry.pop(name)
    return caught.value.remedy


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("No module named 'mujoco'", 'pip install "il-builder[mujoco]"'),
        ("No module named 'Box2D'", 'pip install "il-builder[box2d]"'),
        ("No module named 'ale_py'", 'pip install "il-builder[atari]"'),
        ("No module named 'flax'", 'pip install "il-builder[jax]"'),
        ("No module named 'scaler'", "install the package that it comes with"),  # which holds "ale"
    ],
)
def test_a_missing_package_is_an_error_with_its_own_remedy(message, remedy):
    assert missing("Missing-v0", message) == remedy


@pytest.mark.usefixtures("old_mujoco")
def test_an_environment_that_moved_elsewhere_says_so():
    with pytest.raises(
        MissingExtraError, match=r"gymnasium-robotics project .*; play its newest version, or pip"
    ):
        make(found("Ant-v3", max_steps=5))


@pytest.mark.parametrize(("package", "env_id"), [("Box2D", "LunarLander-v3"), ("mujoco", "Ant-v5")])
def test_an_environment_whose_physics_is_not_installed_names_the_extra(monkeypatch, package, env_id):
    for name in [
        name for name in sys.modules if name.startswith(("gymnasium.envs.box2d", "gymnasium.envs.mujoco"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=re.escape(f'; pip install "il-builder[{package.lower()}]"')):
        make(found(env_id))


def test_the_extras_that_remedies_name_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {*EXTRAS.values(), *providers.EXTRAS.values()} <= project["optional-dependencies"].keys()
