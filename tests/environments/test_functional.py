"""Lanes of functional environments: each is what the environment gives alone, in however many blocks."""

import functional
import gymnasium as gym
import numpy as np
import pytest

from builder.environments.functional import BLOCK, FunctionalLanes, is_functional
from builder.errors import ConfigError


@pytest.fixture(scope="module")
def lanes():
    return FunctionalLanes(functional.walk())


def observed(lanes, rows):
    column = np.empty((rows, 2), np.float32)
    lanes.observe([column])
    return column


def test_only_what_nothing_surrounds_is_functional():
    walk = functional.walk()
    assert is_functional(walk)
    assert not is_functional(gym.wrappers.OrderEnforcing(walk))
    assert not is_functional(gym.make("CartPole-v1"))

    class Noted(type(walk)):
        def step(self, action):
            return super().step(action)

    assert not is_functional(Noted(walk.func_env))


def test_every_bit_is_that_of_the_environment_itself(lanes):
    numbers, seeds = [0, 5, BLOCK - 1, BLOCK + 2], [0, 3, 2**32 - 1, 2**31]
    begun = lanes.begin(dict(zip(numbers, seeds, strict=True)))
    lanes.arrange(numbers)
    actions = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1]])
    alone = [functional.walk() for _ in numbers]
    for number, seed, environment in zip(numbers, seeds, alone, strict=True):
        first = np.asarray(environment.reset(seed=seed)[0])
        assert begun[number].observation[0].tobytes() == first.tobytes()
    for row in actions:
        stepped = lanes.step([row])
        seen = observed(lanes, len(numbers))
        for at, (environment, action) in enumerate(zip(alone, row, strict=True)):
            observation, reward, terminated, _, _ = environment.step(action)
            assert seen[at].tobytes() == np.asarray(observation).tobytes()
            assert stepped.rewards[at] == reward
            assert ((at, True, False) in stepped.ended) == terminated


def test_a_lane_that_begins_anew_leaves_the_others_as_they_are(lanes):
    lanes.begin({0: 1, 1: 2})
    lanes.arrange([0, 1])
    lanes.step([np.array([1, 1])])
    before = observed(lanes, 2)
    lanes.begin({1: 2})
    lanes.arrange([0, 1])
    lanes.step([np.array([1, 1])])
    after = observed(lanes, 2)
    assert after[1].tobytes() == before[1].tobytes()
    assert after[0, 1] == 2


def test_the_order_of_the_rows_is_that_of_the_arrangement(lanes):
    lanes.begin({0: 1, 1: 2})
    lanes.arrange([0, 1])
    one = lanes.step([np.array([1, 0])]).rewards.tolist()
    lanes.begin({0: 1, 1: 2})
    lanes.arrange([1, 0])
    assert lanes.step([np.array([0, 1])]).rewards.tolist() == one[::-1]


def test_a_lane_of_its_own_cannot_be_asked(lanes):
    with pytest.raises(ConfigError, match=r"one by one.*env.vector=false"):
        lanes.environment(0)
