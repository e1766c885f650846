"""What a policy does that a build has to know, each by its code."""

import gymnasium as gym
import numpy as np
import pytest

from builder.checks.policy import policy_findings, seconds_per_action
from builder.episodes.spaces import Spaces
from builder.experts.actor import RandomPlayer
from builder.experts.sources.python import PythonPlayer

SPACES = Spaces(gym.spaces.Box(-np.inf, np.inf, (3,), np.float32), gym.spaces.Box(-2, 2, (1,), np.float32))
SEEN = list(np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32))


class Clean:
    def predict(self, obs, state=None, deterministic=True):
        return np.clip(obs[:1], -2, 2), state


class Plans:
    def __init__(self):
        self.plan = []

    def predict(self, obs, state=None, deterministic=True):
        self.plan = self.plan or [obs[:1] * scale for scale in (0.1, 0.2, 0.3)]
        return self.plan.pop(0), None


class Buffer:
    def __init__(self):
        self.out = np.zeros(1, np.float32)

    def predict(self, obs, state=None, deterministic=True):
        self.out[:] = np.tanh(obs[:1])
        return self.out, None


class Global:
    def predict(self, obs, state=None, deterministic=True):
        return np.random.uniform(-2, 2, 1).astype(np.float32), None  # noqa: NPY002


class Wide:
    def predict(self, obs, state=None, deterministic=True):
        return obs, None


class Strong:
    def predict(self, obs, state=None, deterministic=True):
        return obs[:1] * 100, None


class Fails:
    def predict(self, obs, state=None, deterministic=True):
        raise KeyError("weights")


class Mute:
    pass


def found(policy, **options):
    return [
        (item.code, item.severity) for item in policy_findings(PythonPlayer(policy, **options), SPACES, SEEN)
    ]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Clean, []),
        (Plans, [("hidden-state", "note")]),
        (Buffer, [("reused-buffer", "note")]),
        (Global, [("global-random", "note")]),
        (Wide, [("undeclared-action", "error")]),
        (Strong, [("undeclared-action", "error")]),
        (Fails, [("raises", "error")]),
        (Mute, [("raises", "error")]),
    ],
)
def test_each_habit_has_its_code(policy, expected):
    assert found(policy) == expected
    assert found(policy()) == expected


def test_the_programs_own_object_is_not_asked():
    policy = Plans()
    found(policy)
    assert policy.plan == []


def test_what_cannot_be_copied_is_an_error():
    policy = Clean()
    policy.lines = (line for line in ())
    assert found(policy) == [("cannot-copy", "error")]


class Batched:
    def predict(self, obs, state=None, deterministic=True):
        return np.clip(obs[:, :1], -2, 2), None


class Relative:
    """Looks at the other rows."""

    def predict(self, obs, state=None, deterministic=True):
        return np.clip(obs[:, :1] - obs[:, :1].mean(), -2, 2), None


class Ordered:
    """Looks at a row's place, alone or not."""

    def predict(self, obs, state=None, deterministic=True):
        return np.clip(obs[:, :1] * (np.arange(len(obs))[:, None] % 3 + 1), -2, 2).astype(np.float32), None


def test_a_batched_policy_answers_each_row_for_itself():
    assert found(Batched, batched=True) == []
    assert found(Relative, batched=True) == [("depends-on-batch", "error")]
    assert found(Ordered, batched=True) == [("depends-on-batch", "error")]


def test_how_an_answer_differs_is_said():
    player = PythonPlayer(Ordered, batched=True)
    (item,) = policy_findings(player, SPACES, SEEN)
    assert item.text.startswith("Ordered: asked alone, a row of 16 gets an answer that differs by up to ")


def test_the_time_of_an_action_is_that_of_one_lane():
    assert 0 < seconds_per_action(RandomPlayer(), SPACES, SEEN, 64) < 0.01
