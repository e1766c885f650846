"""Environments: found, limited, made without what only counts, and reused only where that is safe."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import WrapperSpec, register
from gymnasium.wrappers import OrderEnforcing, RescaleAction, TimeLimit
from sweeps import case

from builder.environments.environment import (
    EnvironmentSpec,
    make,
    resolve,
)
from builder.errors import ConfigError, EnvironmentError_


def found(env_id, kwargs=None, *, max_episode_steps=None, max_steps=None):
    return resolve(env_id, kwargs or {}, max_episode_steps=max_episode_steps, max_steps=max_steps)


def wrappers(environment):
    kinds = []
    while isinstance(environment, gym.Wrapper):
        kinds.append(type(environment))
        environment = environment.env
    return kinds


def test_an_environment_is_found_with_its_registered_limit():
    assert found("CartPole-v1", {"sutton_barto_reward": True}) == EnvironmentSpec(
        "CartPole-v1", {"sutton_barto_reward": True}, 500, bare=True, reusable=False
    )


@pytest.mark.parametrize(
    ("env_id", "limits", "expected"),
    [
        ("CartPole-v1", {"max_episode_steps": 1000}, 1000),
        ("CartPole-v1", {"max_steps": 1000}, 500),
        ("CartPole-v1", {"max_steps": 30}, 30),
        ("CartPole-v1", {"max_episode_steps": 1000, "max_steps": 700}, 700),
        ("Endless-v0", {"max_steps": 30}, 30),
        ("Endless-v0", {"max_episode_steps": 40}, 40),
    ],
)
def test_the_least_limit_holds_and_the_users_takes_the_place_of_the_registered_one(env_id, limits, expected):
    assert found(env_id, **limits).max_episode_steps == expected


def test_an_environment_without_a_limit_is_refused():
    with pytest.raises(EnvironmentError_) as caught:
        found("Endless-v0")
    assert str(caught.value) == (
        "Endless-v0 has no time limit, so an episode might never end; give one with env.max_episode_steps="
    )


UNKNOWN = [
    ("CartPole-v9", "did you mean 'CartPole-v1'?"),
    ("CartPole", "did you mean 'CartPole-v1'?"),
    ("Pendulum-v0", "did you mean 'Pendulum-v1'?"),
    ("math:CartPol-v1", "did you mean 'CartPole-v1'?"),
    ("math:phys2d/CartPol-v1", "did you mean 'phys2d/CartPole-v1'?"),
    (
        "Mine/Pong-v5",
        "name the package that registers it, which must be installed: env.id=package:Mine/Pong-v5",
    ),
]


def test_an_unknown_environment_is_refused_with_what_may_be_meant():
    for env_id, remedy in UNKNOWN:
        with case(env_id, remedy):
            with pytest.raises(ConfigError) as caught:
                found(env_id)
            assert str(caught.value) == f"there is no environment {env_id!r}; {remedy}"


MODULE = """
import gymnasium as gym
from gymnasium.envs.registration import register

class Choosy(gym.Env):
    observation_space = action_space = gym.spaces.Discrete(2)

    def __init__(self, size):
        self.size = size

register("Choosy-v0", Choosy, max_episode_steps=5)
register("own/Choosy-v0", Choosy, max_episode_steps=6)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that registers an environment which cannot be made without arguments."""
    name = f"module_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    gym.registry.pop("Choosy-v0", None)
    gym.registry.pop("own/Choosy-v0", None)


def test_an_id_of_a_module_is_suggested_with_the_module_in_front(module):
    with pytest.raises(ConfigError, match=f"did you mean '{module}:Choosy-v0'"):
        found(f"{module}:Chosy-v0")


@pytest.mark.parametrize(("env_id", "limit"), [("Choosy-v0", 5), ("own/Choosy-v0", 6)])
def test_a_module_before_the_colon_is_imported_and_registers_the_environment(module, env_id, limit):
    spec = found(f"{module}:{env_id}", {"size": 3})
    assert (spec.id, spec.max_episode_steps) == (f"{module}:{env_id}", limit)
    assert make(spec).unwrapped.size == 3


def test_what_the_engine_does_itself_is_left_out():
    environment = make(found("CartPole-v1"))
    assert wrappers(environment) == []


def test_the_kwargs_reach_the_constructor():
    environment = make(found("Pendulum-v1", {"g": 3.0}))
    assert environment.unwrapped.g == 3.0


def test_kwargs_that_the_constructor_does_not_take_are_refused():
    with pytest.raises(EnvironmentError_) as caught:
        make(found("CartPole-v1", {"gravity": 1}))
    assert str(caught.value).startswith("CartPole-v1 cannot be made with kwargs {'gravity': 1}: ")
    assert str(caught.value).endswith("; check env.kwargs")


@pytest.fixture
def rescaled():
    """A registration that brings a wrapper of its own."""
    wrapper = WrapperSpec(
        "RescaleAction",
        "gymnasium.wrappers:RescaleAction",
        {"min_action": np.array([-1.0], np.float32), "max_action": np.array([1.0], np.float32)},
    )
    register(
        "Rescaled-v0",
        entry_point="gymnasium.envs.classic_control.pendulum:PendulumEnv",
        max_episode_steps=4,
        additional_wrappers=(wrapper,),
    )
    yield "Rescaled-v0"
    gym.registry.pop("Rescaled-v0")


def test_wrappers_of_the_registration_stay_with_the_limit_beneath_them(rescaled):
    spec = found(rescaled, max_episode_steps=3)
    assert not spec.bare
    environment = make(spec)
    assert wrappers(environment) == [RescaleAction, TimeLimit, OrderEnforcing]
    environment.reset(seed=0)
    ends = [environment.step(np.zeros(1, np.float32))[3] for _ in range(3)]
    assert ends == [False, False, True]
