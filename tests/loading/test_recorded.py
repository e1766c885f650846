"""The environment of a recording, made again."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

from builder import load
from builder.errors import DatasetError, EnvironmentError_
from builder.manifest.scores import ReferenceScores


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


def scored(dataset, random=-1.0, expert=3.0):
    scores = ReferenceScores(random, expert, "a test")
    for holder in (dataset, dataset._tables):
        holder.manifest = dataclasses.replace(holder.manifest, reference=scores)
    return dataset


def test_normalised_returns_are_those_of_the_episodes_of_a_view(dataset_of):
    dataset = scored(load(dataset_of("vector")))
    expected = (np.array(dataset.episode_table["episode_return"]) + 1.0) / 4.0
    np.testing.assert_array_equal(dataset.normalized_returns, expected)
    np.testing.assert_array_equal(dataset[2:4].normalized_returns, expected[2:4])
    np.testing.assert_array_equal(dataset.every(2).normalized_returns, expected)
    assert dataset.normalized_returns.dtype == np.float64


def test_joined_datasets_have_the_scores_that_all_of_them_have(dataset_of):
    split, other = (load(dataset_of("vector"), split=name) for name in ("train", "test"))
    joined = scored(split).concat(scored(other))
    assert len(joined.normalized_returns) == 8
    assert scored(split).concat(scored(other, expert=4.0)).manifest.reference is None
