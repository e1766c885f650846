"""An archive shows whether its training normalised observations, and nothing where it cannot be known."""

import zipfile
from collections import OrderedDict

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import box, make_model

from builder.experts.archive.training import Training, read_training

VECTOR = box(3)
DOUBLE = box(3, low=-np.inf, high=np.inf, dtype=np.float64)


@pytest.fixture
def saved(tmp_path):
    """An archive of a model as it was left by its training."""

    def save(algorithm, now, before, space=VECTOR, actions=None):
        policy = "MultiInputPolicy" if isinstance(space, gym.spaces.Dict) else "MlpPolicy"
        actions = actions or box(2)
        model = make_model(algorithm, policy, space, actions, policy_kwargs={"net_arch": [2]})
        model._last_obs, model._last_original_obs = now, before
        model.save(tmp_path / "agent.zip")
        return tmp_path / "agent.zip"

    return save


def batch(*values, dtype=np.float32):
    return np.array([values], dtype)


@pytest.mark.parametrize("algorithm", ["PPO", "ARS"])
@pytest.mark.parametrize("normalised", [True, False])
def test_an_on_policy_archive_tells_whether_it_was_trained_behind_vec_normalize(saved, algorithm, normalised):
    before = batch(0.1, 0.2, 0.3) if normalised else None
    found = read_training(saved(algorithm, batch(0, 0, 0), before))
    assert (found.normalised, found.certain) == (normalised, True)
    assert found.shown_by == ("it holds _last_original_obs" if normalised else "")
    assert found.observation_space == VECTOR


def test_an_archive_that_was_never_trained_tells_nothing(saved):
    assert read_training(saved("PPO", None, None)).normalised is None


@pytest.mark.parametrize(
    ("now", "before", "space", "shown_by"),
    [
        (batch(1.4, 0, 0), batch(0.9, 0, 0), VECTOR, "beyond the bounds"),
        (
            batch(0, 0, 0),
            batch(0, 0, 0, dtype=np.float64),
            DOUBLE,
            "float32 where the environment gave float64",
        ),
        (batch(*[0] * 6), batch(0, 0, 0), box(6), "not stacked"),
    ],
    ids=["bounds", "dtype", "stack"],
)
def test_an_off_policy_archive_tells_where_its_last_observation_cannot_be_a_raw_one(
    saved, now, before, space, shown_by
):
    found = read_training(saved("SAC", now, before, space))
    assert found.normalised is True
    assert not found.certain
    assert shown_by in found.shown_by


@pytest.mark.parametrize(
    ("now", "before", "space"),
    [
        (batch(0.5, 0, 0), batch(0.9, 0, 0), VECTOR),
        (batch(1.4, 0, 0), batch(1.3, 0, 0), VECTOR),  # an environment that breaks its own word
        (batch(1.00001, 0, 0), batch(1, 0, 0), VECTOR),  # rounding
        (batch(9, 0, 0, dtype=np.float64), batch(8, 0, 0, dtype=np.float64), DOUBLE),
    ],
    ids=["inside", "both outside", "rounding", "unbounded"],
)
def test_an_off_policy_archive_tells_nothing_where_its_last_observation_may_be_a_raw_one(
    saved, now, before, space
):
    assert read_training(saved("SAC", now, before, space)).normalised is None


def test_observations_of_a_dict_space_tell_as_much(saved):
    space = gym.spaces.Dict(a=box(2), b=box(1))
    inside, beyond = batch(0, 0), batch(0, 3)
    now, before = (OrderedDict(a=a, b=batch(0)) for a in (beyond, inside))
    assert read_training(saved("SAC", now, before, space)).normalised is True
    assert read_training(saved("SAC", before, before, space)).normalised is None


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"_last_obs": {":serialized:": "AAAA"}}'])
def test_a_damaged_archive_tells_nothing(tmp_path, content):
    path = tmp_path / "agent.zip"
    if content is not None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data", content)
    assert read_training(path) == Training()


def test_a_damaged_observation_tells_nothing(saved):
    path = saved("SAC", np.array(["x", "y"]), np.array(["x", "y"]))
    assert read_training(path).normalised is None
