"""Who plays where an environment can be observed: made once, and with care once that is needed."""

import gymnasium as gym
import numpy as np
import pytest

from builder.episodes.context import Context
from builder.errors import NotStatelessError
from builder.experts.foreign import Manner
from builder.experts.seats import Actors, Seat
from builder.experts.sources.python import PythonPlayer

SPACE = gym.spaces.Box(-1, 1, (1,), np.float32)


class Counts:
    asked = 0

    def predict(self, obs, state=None, deterministic=True):
        self.asked += 1
        return np.array([self.asked / 100], np.float32), state


def actors(manner):
    return Actors([Seat(PythonPlayer(Counts, manner=manner), None, SPACE, SPACE)])


def answer(actor, lane):
    return float(actor.act([np.zeros((1, 1), np.float32)], [lane])[0][0, 0])


def test_an_actor_is_made_once():
    made = actors(Manner(alone=False, copies="deepcopy"))
    assert made.of(0, deterministic=True) is made.of(0, deterministic=True)
    assert made.of(0, deterministic=True) is not made.of(0, deterministic=False)


def test_a_policy_that_was_taken_for_one_that_keeps_nothing_is_asked_with_care():
    made = actors(Manner(shared=True, watched=True, alone=False))
    actor = made.of(0, deterministic=True)
    actor.begin(0, Context(0))
    answer(actor, 0)
    with pytest.raises(NotStatelessError):
        [answer(actor, 0) for _ in range(100)] and made.end()
    made.be_careful()
    careful = made.of(0, deterministic=True)
    for lane in range(2):
        careful.begin(lane, Context(lane))
        assert [answer(careful, lane) for _ in range(2)] == pytest.approx([0.01, 0.02])
    made.end()
