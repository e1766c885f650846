"""Lanes of a registered vector environment, such as gymnasium's own of single ones."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from vectors import lanes_of

from builder.environments.environment import EnvironmentSpec
from builder.environments.vector_entry import VectorLanes
from builder.errors import ConfigError, EnvironmentError_


def observed(lanes, rows):
    column = np.empty((rows, 3), np.float32)
    lanes.observe([column])
    return column


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_a_lane_begins_with_its_seed_while_others_go_on(mode):
    lanes, alone = lanes_of(mode), gym.make("Pendulum-v1").unwrapped
    first = lanes.begin({0: 3, 2: 4})
    assert first[2].observation[0].tobytes() == alone.reset(seed=4)[0].tobytes()
    lanes.arrange([2, 0])
    actions = np.array([[0.5], [-0.5]], np.float32)
    rewards = lanes.step([actions]).rewards
    observation, reward, *_ = alone.step(actions[0])
    assert rewards[0] == reward
    assert observed(lanes, 2)[0].tobytes() == observation.tobytes()
    lanes.begin({0: 9})
    lanes.arrange([0, 2])
    lanes.step([actions])
    assert observed(lanes, 2)[1].tobytes() == alone.step(actions[1])[0].tobytes()
    lanes.close()


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_a_lane_that_is_over_and_plays_nothing_does_not_stop_the_others(mode):
    lanes = lanes_of(mode, limit=3)
    lanes.begin({0: 0, 1: 1})
    lanes.arrange([0, 1])
    for step in range(6):
        stepped = lanes.step([np.zeros((2, 1), np.float32)])
        assert bool(stepped.ended) == (step == 3)  # its own limit is one step beyond the engine's
        if step == 2:
            lanes.begin({1: 1})
    lanes.close()


def test_what_resets_within_a_step_is_refused():
    with pytest.raises(EnvironmentError_, match=r"within the step that ends it.*NEXT_STEP or DISABLED"):
        lanes_of(AutoresetMode.SAME_STEP)


def test_what_cannot_be_made_is_one_error():
    with pytest.raises(EnvironmentError_, match="the vector environment of Pendulum-v1 cannot be made"):
        VectorLanes(EnvironmentSpec("Pendulum-v1", max_episode_steps=5), 2)


def test_a_lane_of_its_own_cannot_be_asked():
    with pytest.raises(ConfigError, match="one by one"):
        lanes_of(AutoresetMode.DISABLED).environment(0)
