"""Builds after the first in one program: each plays its own expert and environment, as they are by then."""

import gymnasium as gym
import numpy as np
import pytest
from sweeps import sweep

from builder import Controller, Episode, Policy, build, load


class Learner:
    torque = 0.0

    def predict(self, obs, state=None, deterministic=True):
        return np.array([self.torque], np.float32), state


SHORT = {"env.max_episode_steps": 20}


def actions(folder):
    return {float(action) for action in load(folder).arrays()["action"].ravel()}


PROCESSES = pytest.param({"parallel": "loky", "parallel.n_jobs": 2}, marks=pytest.mark.slow)


@sweep("version", [None, pytest.param("the same", marks=pytest.mark.slow)])
@sweep("parallel", [{}, {"parallel": "threading", "parallel.n_jobs": 2}, PROCESSES])
@pytest.mark.slow
def test_an_expert_that_has_learned_on_is_played_as_it_is_by_then(tmp_path, version, parallel):
    learner = Learner()
    for torque in (0.25, 0.5):
        learner.torque = torque
        expert, out = Policy("Pendulum-v1", policy=learner, version=version), str(tmp_path / str(torque))
        Controller().start(
            {"expert": expert, "episodes": 2, "out": out, "env.max_episode_steps": 20, **parallel}
        )
        assert actions(out) == {torque}


@pytest.mark.slow
def test_what_an_unversioned_expert_played_for_a_folder_is_not_used_again(tmp_path):
    for torque in (0.25, 0.5):
        learner = Learner()
        learner.torque = torque
        build(Policy("Pendulum-v1", policy=learner), episodes=2, out=tmp_path / "x", overwrite=True, **SHORT)
        assert actions(tmp_path / "x") == {torque}


def gain(amount):
    class Gain(gym.Env):
        observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.x = np.zeros(1)
            return self.x.copy(), {}

        def step(self, action):
            self.x += amount
            return self.x.copy(), 1.0, bool(self.x[0] >= 5 * amount), False, {}

    return Gain


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
@pytest.mark.parametrize("parallel", [{}, PROCESSES])
def test_an_environment_that_was_registered_again_is_the_new_one(tmp_path, parallel):
    for amount in (1.0, 2.0):
        gym.register("Gain-v0", gain(amount), max_episode_steps=30)
        keys = {"expert": "random", "env.id": "Gain-v0", "episodes": 2, "out": str(tmp_path / str(amount))}
        Controller().start({**keys, **parallel})
        assert set(np.diff(load(keys["out"])[0].observations[:, 0])) == {amount}
    gym.registry.pop("Gain-v0")


def test_ones_own_enjoy_asks_the_expert_of_its_build(tmp_path):
    def own(path, context, expert):
        environment = expert.get_environment()
        observation, _ = environment.reset()
        action, _ = expert.predict(observation)
        after, reward, *_ = environment.step(action)
        columns = (np.stack([observation, after]), action[None], np.array([reward]))
        flags = np.array([False]), np.array([True])
        Episode(*columns, *flags, seed=context.seed, index=context.index).save(path)
        return True

    learner = Learner()
    for torque in (0.25, 0.5):
        learner.torque = torque
        out = str(tmp_path / str(torque))
        expert = Policy("Pendulum-v1", policy=learner, version="the same")
        Controller(own).start({"expert": expert, "episodes": 2, "out": out})
        assert actions(out) == {torque}
