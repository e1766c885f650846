"""What a caller gives, overrides or a mapping, becomes the same typed configuration."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from sweeps import sweep

from builder.composition import build_config
from builder.config import (
    BuildConfig,
    CardConfig,
    DatasetConfig,
    EnvConfig,
    HubConfig,
    ParallelConfig,
    RolloutConfig,
)
from builder.episodes.acceptance import Acceptance
from builder.errors import ConfigError
from builder.experts.policy import Experts, Policy
from builder.experts.sources.table import SOURCES

DEFAULT = build_config([])


def test_without_overrides_the_defaults_hold():
    config = DEFAULT
    assert config == BuildConfig(
        expert=config.expert,
        env=EnvConfig(id=None, kwargs={}, max_episode_steps=None, preprocessing=None, wrappers=[]),
        rollout=RolloutConfig(lanes="auto", deterministic=True, precision="float64", max_steps=None),
        parallel=ParallelConfig(backend="auto", n_jobs=-1),
        dataset=DatasetConfig(
            next_observation=None, test_fraction=0.0, shard_mb=512, include_expert=False, license=None
        ),
        mode="all",
        episodes=100,
        seed=0,
        out=Path("data/cartpole"),
        threshold=None,
        max_return=None,
        max_attempts=None,
        overwrite=False,
        keep_chunks=True,
        verify_sample=3,
        hub=HubConfig(),
        card=CardConfig(),
        debug=False,
    )
    assert (config.expert.name, config.expert.source, config.expert.threshold) == (
        "cartpole",
        "bundled",
        500.0,
    )


@sweep("source", SOURCES, quick=5)
def test_an_expert_of_every_source_composes(source):
    name = "cartpole" if source == "bundled" else source
    config = build_config([f"expert={name}", *(["expert.name=mine"] if name == "registered" else [])])
    assert (config.expert.name, config.expert.source) == ({"registered": "mine"}.get(name, name), source)


def test_a_source_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError) as caught:
        build_config(["expert.source=hbu"])
    assert str(caught.value) == f"expert.source is unknown; expected {' or '.join(SOURCES)}; got 'hbu'"


@pytest.mark.parametrize(
    ("overrides", "mapping"),
    [
        (
            [
                "episodes=7",
                "threshold=-inf",
                "max_return=inf",
                "overwrite=true",
                "dataset.license=null",
                "out='a=b, c'",
            ],
            {
                "episodes": 7,
                "threshold": -math.inf,
                "max_return": math.inf,
                "overwrite": True,
                "dataset.license": None,
                "out": "a=b, c",
            },
        ),
        (
            ["expert=random", "expert.threshold=1", "parallel=loky", "parallel.n_jobs=2", "rollout.lanes=3"],
            {
                "expert": "random",
                "expert.threshold": 1,
                "parallel": "loky",
                "parallel.n_jobs": 2,
                "rollout": {"lanes": 3},
            },
        ),
        (
            ["out=/somewhere/else", "episodes=7", "threshold=0.5"],
            {"out": Path("/somewhere/else"), "episodes": np.int64(7), "threshold": np.float32(0.5)},
        ),
        (["out=${seed}"], {"out": "${seed}"}),
        (
            ["out=~/x y", "expert=local", "expert.path=~"],
            {"out": "~/x y", "expert": "local", "expert.path": "~"},
        ),
    ],
)
def test_a_mapping_composes_as_the_overrides_do(overrides, mapping):
    assert build_config(mapping) == build_config(overrides) != DEFAULT


@sweep(
    "config",
    [
        ["env.kwargs.gravity=9.8", "env.kwargs.size=[1,2]"],
        ["+env.kwargs.gravity=9.8", "++env.kwargs.size=[1,2]"],
        ["env.kwargs={gravity: 9.8, size: [1,2]}"],
        {"env.kwargs.gravity": 9.8, "env.kwargs.size": [1, 2]},
        {"env.kwargs": {"gravity": 9.8, "size": (1, 2)}},
        {"env": {"kwargs": {"gravity": 9.8, "size": np.array([1, 2])}}},
    ],
    ids=str,
    quick=3,
)
def test_any_key_can_be_passed_to_the_environment(config):
    found = build_config(config).env.kwargs
    assert found == {"gravity": 9.8, "size": [1, 2]}
    assert (type(found), type(found["size"])) == (dict, list)


@sweep(
    "config",
    [["expert.env_kwargs.a.b=1"], {"expert.env_kwargs.a.b": 1}, {"expert": {"env_kwargs": {"a": {"b": 1}}}}],
    ids=str,
)
def test_an_environments_arguments_may_be_nested(config):
    found = build_config(config).expert.env_kwargs
    assert found == {"a": {"b": 1}}
    assert type(found["a"]) is dict


def test_a_configuration_that_is_typed_already_is_taken_as_it_is():
    assert build_config(DEFAULT) is DEFAULT


POLICY = Policy(
    name="CartPole-v1", policy=object(), threshold=5.0, algo="PPO", env_kwargs={"sutton_barto_reward": True}
)


def test_a_registered_expert_brings_what_it_plays():
    Experts.register("mine", POLICY)
    expert = build_config({"expert": "mine"}).expert
    assert (expert.name, expert.source, expert.algo) == ("mine", "registered", "PPO")
    assert (expert.env_id, expert.env_kwargs, expert.threshold) == (
        "CartPole-v1",
        {"sutton_barto_reward": True},
        5.0,
    )


def test_a_policy_can_be_given_as_it_is():
    expert = build_config({"expert": dataclasses.replace(POLICY, name="gym/Cart-v1"), "episodes": 3}).expert
    assert (expert.name, expert.source, expert.env_id) == ("gym-Cart-v1", "registered", "gym/Cart-v1")
    assert Experts.registered("gym-Cart-v1").policy is POLICY.policy


def test_what_the_user_says_of_a_registered_expert_wins():
    Experts.register("mine", POLICY)
    config = build_config({"expert": "mine", "expert.threshold": 7.0, "expert.env_kwargs.other": 1})
    assert config.expert.threshold == 7.0
    assert config.expert.env_kwargs == {"sutton_barto_reward": True, "other": 1}


def test_a_policy_states_both_bounds_of_acceptance_and_the_configuration_others():
    policy = Policy("CartPole-v1", policy=object(), threshold=5.0, max_return=9.0)
    assert build_config({"expert": policy}).acceptance == Acceptance(5.0, 9.0)
    assert build_config({"expert": policy, "max_return": 8.0}).acceptance == Acceptance(5.0, 8.0)
