"""An `enjoy` of one's own plays attempts that depend on their context alone, and records what was played."""

import itertools
import random
import threading

import gymnasium as gym
import numpy as np
import pytest

from builder.checks.enjoy import enjoy_findings
from builder.episodes.episode import Episode
from builder.experts.policy import Policy
from builder.rollout.enjoy import enjoy

CORRIDOR = Policy(name="Corridor-v0")
GOOD_SEED = 4


def play(path, seed, choose, *, recorded_action=None, environment="Corridor-v0"):
    """Record an episode of the corridor, whose actions do not matter to it."""
    env = gym.make(environment)
    observation, _ = env.reset(seed=seed)
    observations, actions, rewards, ends = [observation], [], [], []
    while not (ends and any(ends[-1])):
        action = choose()
        observation, reward, *flags, _ = env.step(action)
        observations.append(observation)
        actions.append(np.int64(action if recorded_action is None else recorded_action))
        rewards.append(reward)
        ends.append(flags)
    terminations, truncations = np.array(ends, bool).T
    episode = Episode(np.array(observations), np.array(actions), np.array(rewards), terminations, truncations)
    object.__setattr__(episode, "seed", seed)
    episode.save(path)
    return True


def right(path, context, expert):
    return play(path, context.seed, lambda: context.rng.integers(2))


def deaf(path, context, expert):
    return play(path, GOOD_SEED, lambda: 1)


CALLS = itertools.count()


def unseeded(path, context, expert):
    """Acts otherwise from call to call, never alike in two that follow each other or lie three apart."""
    call = next(CALLS)
    return play(path, context.seed, lambda: call % 2)


def shared(path, context, expert):
    random.seed(context.seed)
    return play(path, context.seed, lambda: random.randrange(2))


def silent(path, context, expert):
    return True


def positional(path, expert):
    return True


def failing(path, context, expert):
    raise OSError("no display")


def mislabelled(path, context, expert):
    """Steps with noise and records the clean action."""
    return play(
        path, context.seed, lambda: context.rng.integers(2), recorded_action=0, environment="Moves-v0"
    )


def codes(function, policy=CORRIDOR):
    return [item.code for item in enjoy_findings(function, policy)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (right, []),
        (deaf, ["ignores-context"]),
        (unseeded, ["ignores-context"]),
        (shared, ["shares-generator"]),
        (silent, ["records-nothing"]),
        (positional, ["wrong-call"]),
        (failing, ["raises"]),
    ],
)
def test_each_habit_has_its_code(function, expected):
    assert codes(function) == expected


def test_the_built_in_one_is_fit():
    from builder.experts.policy import Experts

    assert codes(enjoy, Experts.get("cartpole")) == []


def test_what_cannot_be_sent_to_a_worker_is_named():
    lock = threading.Lock()

    def locked(path, context, expert):
        with lock:
            return right(path, context, expert)

    assert codes(locked) == ["cannot-travel"]


class Moves(gym.Env):
    """Its observations follow its actions."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.t = self.np_random.normal(size=1), 0
        return self.x.copy(), {}

    def step(self, action):
        self.x, self.t = self.x + action, self.t + 1
        return self.x.copy(), 1.0, self.t == 8, False, {}


def test_actions_that_do_not_lead_to_the_observations_are_found():
    gym.register("Moves-v0", Moves, max_episode_steps=50)
    try:
        (item,) = enjoy_findings(mislabelled, Policy(name="Moves-v0"))
    finally:
        gym.registry.pop("Moves-v0")
    assert item.code == "not-replayable"
    assert "column next_observation" in item.text
