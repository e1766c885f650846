"""One MuJoCo model for all lanes: the same bytes, and never where somebody may write into it."""

import gymnasium as gym
import numpy as np
import pytest
from sweeps import sweep

from builder.environments.mujoco_models import READ_ONLY, share_model

mujoco = pytest.importorskip("mujoco")

OWN = sorted(
    env_id
    for env_id, spec in gym.registry.items()
    if str(spec.entry_point).startswith(READ_ONLY)
    and env_id.endswith(("-v4", "-v5"))
    and env_id != "Pusher-v4"  # which MuJoCo of today does not play
)


def made(env_id, **kwargs):
    return gym.make(env_id, disable_env_checker=True, **kwargs)


def pair(env_id, **kwargs):
    one, other = made(env_id, **kwargs), made(env_id, **kwargs)
    share_model(other, one)
    return one, other


def shares(one, other):
    return one.unwrapped.model is other.unwrapped.model


def played(environment, actions):
    rows = [environment.reset(seed=7)[0]]
    rewards = []
    for action in actions:
        observation, reward, terminated, _, _ = environment.step(action)
        rows.append(observation)
        rewards.append(reward)
        if terminated:
            rows.append(environment.reset()[0])
    return np.concatenate(rows), np.array(rewards)


def written(model):
    """The model's bytes."""
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@sweep("env_id", OWN, quick=3)
def test_episodes_on_a_shared_model_are_those_on_one_of_ones_own_and_leave_it_as_it_was(env_id):
    alone = made(env_id)
    actions = [alone.action_space.sample() for _ in range(30)]
    one, other = pair(env_id)
    assert shares(one, other)
    before = written(one.unwrapped.model)
    played(one, actions[::-1])
    for found, expected in zip(played(other, actions), played(alone, actions), strict=True):
        assert found.tobytes() == expected.tobytes()
    assert written(one.unwrapped.model) == before


def test_the_old_model_is_let_go():
    one, other = pair("HalfCheetah-v5")
    renderer = other.unwrapped.mujoco_renderer
    assert renderer.model is one.unwrapped.model
    assert renderer.data is other.unwrapped.data
    assert other.unwrapped.data is not one.unwrapped.data


def test_an_environment_that_is_drawn_keeps_its_own():
    assert not shares(*pair("HalfCheetah-v5", render_mode="rgb_array"))


def test_an_environment_of_somebody_elses_keeps_its_own():
    from gymnasium.envs.mujoco.half_cheetah_v5 import HalfCheetahEnv

    class Randomised(HalfCheetahEnv):
        """May write into its model."""

    one, other = Randomised(), Randomised()
    share_model(other, one)
    assert not shares(one, other)


def test_what_has_no_simulation_is_left_alone():
    one, other = made("CartPole-v1"), made("CartPole-v1")
    share_model(other, one)
    assert not hasattr(other.unwrapped, "model")
