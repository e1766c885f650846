"""An environment that shows what the policy saw."""

import gymnasium as gym
import numpy as np
import pytest

from builder.errors import SpaceError
from builder.experts.observations.frame_stack import History
from builder.experts.observations.seen_environment import SeenEnvironment
from builder.experts.observations.transforms import TimeFeature
from builder.experts.observations.wrapped_policy import PolicyView


def test_each_episode_begins_with_all_the_time_left():
    environment = SeenEnvironment(gym.make("CartPole-v1"), PolicyView(decisions=(TimeFeature(500),)))
    assert environment.observation_space.shape == (5,)
    for seed in (0, 1):
        observed, _ = environment.reset(seed=seed)
        assert observed[-1] == 1
        observed, *_ = environment.step(0)
        assert observed[-1] == np.float32(1 - 1 / 500)
        assert observed in environment.observation_space


def test_actions_are_remembered():
    environment = SeenEnvironment(gym.make("Pendulum-v1"), PolicyView(decisions=(History(2),)))
    environment.reset(seed=0)
    observed, *_ = environment.step(np.float32([0.5]))
    assert observed[-1] == 0.5
    assert observed.shape == environment.observation_space.shape


def test_a_policy_that_is_not_always_asked_cannot_be_shown_for():
    with pytest.raises(SpaceError, match=r"not asked at every step.*preprocessing=atari"):
        SeenEnvironment(gym.make("CartPole-v1"), PolicyView(repeat=4))
