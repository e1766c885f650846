"""What an expert saw, by the dataset that holds it."""

import numpy as np
import pytest
from seeing import built, timed

from builder.errors import DatasetError


def test_the_environment_shows_what_the_expert_saw(tmp_path):
    dataset = built(
        timed(tmp_path / "agent"),
        tmp_path / "out",
        "dataset.policy_observation=true",
        "dataset.include_expert=true",
    )
    seen = dataset.arrays()["policy_observation"]
    environment = dataset.environment(policy_observation=True)
    observed, _ = environment.reset(seed=dataset[0].seed)
    for row, action in enumerate(dataset[0].actions):
        np.testing.assert_array_equal(observed, seen[row])
        observed, *_ = environment.step(action)


def test_without_the_expert_it_says_how_to_get_one(tmp_path):
    dataset = built(timed(tmp_path / "agent"), tmp_path / "out")
    with pytest.raises(DatasetError, match=r"does not hold.*include_expert=true"):
        dataset.environment(policy_observation=True)
    assert "went by the time that is left too" in (tmp_path / "out" / "README.md").read_text()


def test_an_expert_that_saw_what_is_recorded_needs_nothing(two_episodes):
    from builder import load

    dataset = load(two_episodes)
    assert dataset.environment(policy_observation=True).observation_space.shape == (4,)


def test_a_dataset_that_names_no_expert_says_so(two_episodes, tmp_path):
    from builder import merge

    dataset = merge([two_episodes], tmp_path / "merged")
    with pytest.raises(DatasetError, match="names no expert of which it could be said what it saw"):
        dataset.environment(policy_observation=True)
