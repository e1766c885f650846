"""A recorded attempt, given to an environment again."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from recorded import recording

from builder.episodes.recording import flat
from builder.replay.again import play_again

STEPS = 12


def attempt_of(steps):
    """Steps of CartPole with one and the same action, which ends it before the twelfth."""
    return dataclasses.replace(recording([steps]), seeds=np.array([7]), actions=(np.ones(steps, np.int64),))


@pytest.fixture
def played():
    environment = gym.make("CartPole-v1").unwrapped
    yield attempt_of(STEPS), environment
    environment.close()


def test_it_is_what_the_environment_gives_up_to_its_end(played):
    attempt, environment = played
    found = play_again(environment, attempt, None)
    observation, _ = environment.reset(seed=7)
    seen = [observation]
    for action in attempt.actions[0]:
        observation, *_, terminated, _, _ = environment.step(action)
        seen.append(observation)
        if terminated:
            break
    assert len(seen) - 1 == found.lengths[0] < STEPS
    assert np.array_equal(found.observations[0], seen[:-1])
    assert np.array_equal(found.finals[0], [seen[-1]])
    assert (found.terminated.tolist(), found.truncated.tolist()) == ([True], [False])
    assert found.returns.tolist() == [float(found.lengths[0])]


def test_a_limit_truncates_where_it_is_reached(played):
    found = play_again(played[1], attempt_of(4), 4)
    assert (found.terminated.tolist(), found.truncated.tolist()) == ([False], [True])


def test_it_is_the_same_each_time(played):
    attempt, environment = played
    one, other = (flat(play_again(environment, attempt, None)) for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)
