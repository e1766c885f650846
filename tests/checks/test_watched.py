"""An environment is looked at step by step: arrays that it changes, and what it does not declare."""

import gymnasium as gym
import numpy as np
import pytest
import unruly

from builder.checks.watched import Watched, watch, watched_findings
from builder.environments.behaviour import random_actions
from builder.environments.environment import make, resolve
from builder.episodes.context import Context


def watched(name):
    env_id = name if "-v" in name else f"unruly/{name}-v0"
    spec = resolve(env_id, {}, max_episode_steps=None, max_steps=None)
    environment = make(spec)
    environment.close()
    seen = Watched()
    watch(spec, random_actions(environment.action_space), Context(0), seen)
    return seen


def found(name):
    return {item.code: item.text for item in watched_findings(name, watched(name))}


@pytest.mark.parametrize("name", ["Calm", "Corridor-v0", "Nested-v0", "CartPole-v1"])
def test_nothing_is_found_of_an_environment_that_keeps_its_word(name):
    assert found(name) == {}


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("Keeps", "keeps-observation", "Keeps: the observation before step 1 was changed by it"),
        ("Edits", "edits-action", "Edits: step 0 changed the action that it was given"),
        (
            "Untrue",
            "undeclared-observation",
            "Untrue: the observation at step 1 is float64[3], declared is float64[2]",
        ),
        ("Nan", "not-a-number", "Nan: the observation at step 5 is NaN"),
        ("Infinite", "infinite", "Infinite: the observation at step 5 is infinite"),
        ("Raises", "raises", "Raises: step 4 of seed 3757552657 raised RuntimeError: the wheel came off"),
    ],
)
def test_each_habit_is_named_with_its_step(name, code, text):
    assert found(name) == {code: text}


def test_values_beyond_the_bounds_are_counted():
    seen = watched("Beyond")
    outside = sum(int((np.abs(observation) > 1).sum()) for observation in seen.observations)
    assert outside
    assert (seen.outside, seen.values) == (outside, 2 * 13)
    assert found("Beyond") == {
        "outside-bounds": f"Beyond: {outside} of 26 values of observations lie beyond their bounds"
    }


def test_the_observations_that_are_kept_are_copies():
    assert len({observation.tobytes() for observation in watched("Keeps").observations}) == 13


def made(**methods):
    gym.register("unruly/Made-v0", type("Made", (unruly.Calm,), methods), max_episode_steps=50)
    try:
        return found("Made")
    finally:
        gym.registry.pop("unruly/Made-v0")


def test_a_reset_that_raises_is_named():
    def reset(self, *, seed=None, options=None):
        raise OSError("no display")

    assert made(reset=reset) == {"raises": "Made: reset with seed 3757552657 raised OSError: no display"}


@pytest.mark.parametrize(
    ("reward", "code", "text"),
    [
        (np.nan, "not-a-number", "the reward at step 0 is NaN"),
        (-np.inf, "infinite", "the reward at step 0 is infinite"),
        (
            np.zeros(2),
            "undeclared-observation",
            "the environment gave a reward that is not one number at step 0: ndarray array([0., 0.])",
        ),
    ],
)
def test_a_reward_that_is_not_one_number_is_named(reward, code, text):
    def step(self, action):
        return self.x.copy(), reward, True, False, {}

    assert made(step=step) == {code: f"Made: {text}"}


def test_every_instance_is_closed():
    closed = []

    def close(self):
        closed.append(self)

    made(close=close)
    assert len(closed) == 2
