"""The environment, as gymnasium's JSON has it."""

import json

import gymnasium as gym
import pytest
from sweeps import case

from builder.errors import DatasetError
from builder.exchange.contract import Source
from builder.exchange.minari.environment import environment_of, requirements, spec_text
from builder.manifest.manifest import read_manifest

CARTPOLE = {"id": "CartPole-v1", "kwargs": {"sutton_barto_reward": True}, "max_episode_steps": 77}


def test_gymnasium_makes_the_environment_that_is_written():
    spec = gym.envs.registration.EnvSpec.from_json(spec_text(CARTPOLE))
    assert (spec.id, spec.kwargs, spec.max_episode_steps) == tuple(CARTPOLE.values())
    assert gym.spec("CartPole-v1").max_episode_steps == 500


def test_it_comes_back():
    assert environment_of(spec_text(CARTPOLE), "x") == CARTPOLE


@pytest.mark.parametrize(
    "environment",
    [None, {**CARTPOLE, "id": "Nowhere-v0"}, {**CARTPOLE, "id": "module:Some-v0"}],
    ids=["none", "unknown", "module"],
)
def test_one_that_is_not_registered_is_not_written(environment):
    assert spec_text(environment) is None


def test_what_is_named_in_a_specification_is_not_imported():
    text = json.dumps({"id": "X-v0", "entry_point": "nowhere_at_all:Thing", "kwargs": {}})
    assert environment_of(text, "x") == {"id": "X-v0", "kwargs": {}, "max_episode_steps": None}


def test_what_is_no_specification_is_refused():
    for text in [3, "[]", "{}", '{"id": 4}', '{"id": "X", "kwargs": 1}', "{"]:
        with case(text), pytest.raises(DatasetError, match="no environment"):
            environment_of(text, "x")


def test_only_what_the_environment_needs_is_required(dataset_of):
    folder = dataset_of("vector")
    required = requirements(Source(folder, read_manifest(folder), {}))
    assert [name.partition("==")[0] for name in required] == ["gymnasium"]
