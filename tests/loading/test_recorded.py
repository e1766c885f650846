"""The environment of a recording, made again."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

from builder import load
from builder.errors import DatasetError, EnvironmentError_


def test_the_recorded_environment_plays_an_episode_again(dataset_of):
    dataset = load(dataset_of("dict"))
    episode, environment = dataset[2], dataset.environment()
    observed, _ = environment.reset(seed=episode.seed)
    for step, action in enumerate(episode.actions):
        np.testing.assert_array_equal(observed["position"], episode.observations["position"][step])
        observed, reward, terminated, truncated, _ = environment.step(action)
        assert (reward, terminated, truncated) == (
            episode.rewards[step],
            episode.terminations[step],
            episode.truncations[step],
        )
    np.testing.assert_array_equal(observed["position"], episode.observations["position"][-1])
    assert environment.observation_space["position"] == dataset.manifest.spaces.observation["position"]


def test_the_recorded_environment_has_its_limit_and_can_be_watched(two_episodes):
    pytest.importorskip("pygame")
    dataset = load(two_episodes)
    environment = dataset.environment("rgb_array")
    assert (
        environment.get_wrapper_attr("_max_episode_steps")
        == dataset.manifest.inputs["environment"]["max_episode_steps"]
    )
    environment.reset(seed=0)
    assert environment.render().ndim == 3
    environment.close()
    with pytest.raises(gym.error.ResetNeeded):
        dataset.environment().step(0)


def test_a_strangers_environment_takes_trust(folder):
    dataset = load(folder)
    inputs = dataset.manifest.inputs
    environment = {**inputs["environment"], "id": "their.module:CartPole-v1"}
    dataset.manifest = dataclasses.replace(dataset.manifest, inputs={**inputs, "environment": environment})
    with pytest.raises(DatasetError, match="trust_remote_code=True"):
        dataset.environment()
    with pytest.raises(EnvironmentError_, match="their"):
        dataset.environment(trust_remote_code=True)


def test_where_nothing_says_which_environment_it_was_none_is_made(tmp_path):
    row = '{"obs": [0.5], "actions": 1, "rewards": 1.0, "episode_starts": 1.0}\n'
    (tmp_path / "x.jsonl").write_text(row)
    with pytest.raises(DatasetError, match=r"nothing says in which environment.*gymnasium\.make"):
        load(tmp_path).environment()
