"""Attempts that are given again to lanes side by side: each gives what an environment alone gives."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

from builder.environments.environment import EnvironmentSpec, make, resolve
from builder.environments.lanes import Begun
from builder.environments.pool import EnvironmentPool
from builder.episodes.recording import flat
from builder.experts.actor import RandomPlayer
from builder.replay.again import play_again
from builder.replay.together import play_together
from builder.rollout.engine import Lockstep

LIMIT = 25


@pytest.fixture(scope="module")
def spec() -> EnvironmentSpec:
    found = resolve("CartPole-v1", {}, max_episode_steps=LIMIT, max_steps=None)
    return dataclasses.replace(found, reusable=True)


@pytest.fixture(scope="module")
def recorded(spec):
    environment = make(spec)
    actor = RandomPlayer().actor(environment.observation_space, environment.action_space)
    played = Lockstep(EnvironmentPool(spec), actor, root_seed=0, lanes=8).play(range(8))
    return [played.select(played.attempts == attempt) for attempt in played.attempts]


def assert_same(one, other):
    left, right = flat(one), flat(other)
    assert list(left) == list(right)
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def test_each_attempt_is_what_it_is_alone(spec, recorded):
    assert len({int(one.lengths[0]) for one in recorded}) > 2
    found = play_together(EnvironmentPool(spec).lanes(8), recorded, LIMIT)
    for one, other in zip(found, recorded, strict=True):
        assert_same(one, other)
        assert_same(one, play_again(make(spec), other, LIMIT))


def test_one_that_ends_before_its_actions_do_ends_there(spec, recorded):
    first = min(recorded, key=lambda one: one.lengths[0])
    steps = int(first.lengths[0])
    assert steps < LIMIT
    doubled = dataclasses.replace(
        first,
        lengths=np.array([2 * steps]),
        observations=tuple(np.concatenate([column] * 2) for column in first.observations),
        actions=tuple(np.concatenate([column] * 2) for column in first.actions),
        rewards=np.concatenate([first.rewards] * 2),
    )
    found = play_together(EnvironmentPool(spec).lanes(2), [doubled, recorded[-1]], LIMIT)
    assert_same(found[0], first)
    assert_same(found[1], recorded[-1])


def test_what_a_reset_raises_is_raised(spec, recorded):
    class Broken:
        observation_space = gym.spaces.Box(-1, 1, (4,), np.float32)

        def ready(self, lane):
            pass

        def begin(self, seeds):
            return {lane: Begun(error=RuntimeError("no game")) for lane in seeds}

    with pytest.raises(RuntimeError, match="no game"):
        play_together(Broken(), recorded, LIMIT)
