"""A foreign policy says of itself what it likes."""

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import box

from builder import Controller, Policy, load
from builder.episodes.annotations import Decided
from builder.errors import ConfigError, ExpertError
from builder.experts.own_thoughts import own_teacher
from builder.experts.sources.python import PythonPlayer

SPACES = box(2), gym.spaces.Discrete(3)


class Thinks:
    """Says what it is asked about."""

    def predict(self, obs, state=None, deterministic=True):
        return 1, state

    def evaluate(self, obs, action):
        return {
            "value": float(obs.sum()),
            "q_value": np.arange(3.0) + float(obs[0]),
            "log_prob": -float(action),
        }


class Silent:
    """Says nothing."""

    def predict(self, obs, state=None, deterministic=True):
        return 1, state


class Wavers(Thinks):
    """Says another shape of some observations."""

    def evaluate(self, obs, action):
        return {"value": np.zeros(2) if obs[0] == 5 else 0.0}


def said(policy, *names, observations, actions, labels=None, labelled=False):
    recipe = own_teacher(PythonPlayer(policy=policy), names, spaces=SPACES, expert="mine", labelled=labelled)
    decided = Decided(range(len(actions)), [observations], [actions], [actions if labels is None else labels])
    return recipe, recipe.annotator(None, SPACES).acted(decided)


def test_its_numbers_are_columns_of_their_shapes():
    observations, actions = np.float32([[1, 2], [5, 4]]), np.array([0, 2])
    recipe, found = said(Thinks(), "value", "q_value", observations=observations, actions=actions)
    assert [column.kind.shape for column in recipe.columns] == [(), (3,)]
    assert found["teacher.value"].tolist() == [3, 9]
    assert found["teacher.q_value"].tolist() == [[1, 2, 3], [5, 6, 7]]


def test_labels_are_asked_about_too():
    observations, actions, labels = np.zeros((1, 2), np.float32), np.array([1]), np.array([2])
    _, found = said(
        Thinks(), "log_prob", observations=observations, actions=actions, labels=labels, labelled=True
    )
    assert found["teacher.log_prob"].tolist() == [-1]
    assert found["teacher.log_prob.expert"].tolist() == [-2]
    assert found["behaviour_log_prob.valid"].tolist() == [False]


def test_without_an_evaluate_there_is_nothing():
    with pytest.raises(ConfigError, match=r"mine has no value.*evaluate\(obs, action\).*leave value out"):
        own_teacher(PythonPlayer(policy=Silent()), ["value"], spaces=SPACES, expert="mine")


def test_what_it_does_not_say_names_what_it_says():
    with pytest.raises(ConfigError, match=r"no entropy.*expected value, q_value, log_prob"):
        own_teacher(PythonPlayer(policy=Thinks()), ["entropy"], spaces=SPACES, expert="mine")


def test_another_shape_is_an_error():
    observations, actions = np.float32([[5, 0]]), np.array([0])
    with pytest.raises(ExpertError, match=r"says of value; expected numbers of shape \(\)"):
        said(Wavers(), "value", observations=observations, actions=actions)


class Leans(Thinks):
    """Plays CartPole."""

    version = "1"

    def predict(self, obs, state=None, deterministic=True):
        return int(obs[2] > 0), state


def test_a_build_records_them(tmp_path):
    policy = Policy(name="CartPole-v1", policy=Leans())
    config = {
        "expert": policy,
        "episodes": 2,
        "out": str(tmp_path / "out"),
        "dataset": {"teacher": ["value"]},
        "parallel": "threading",
        "card": {"preview": False},
    }
    Controller().start(config)
    found = load(tmp_path / "out").arrays()
    expected = [np.float32(float(row.sum())) for row in found["observation"]]
    np.testing.assert_array_equal(found["teacher.value"], expected)
    assert "own evaluate says" in (tmp_path / "out" / "README.md").read_text()
