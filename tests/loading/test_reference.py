"""What is known of an expert's score."""

import dataclasses

import gymnasium as gym
import pytest

from builder import build, load
from builder.errors import DatasetError
from builder.loading.reference import ZOO, Reference, known_scores
from builder.manifest.reference import VARIABLE, Measured, common_reference, store_reference
from builder.manifest.scores import ReferenceScores


def test_a_bundled_experts_own_figures_are_published_and_the_kept_mean_is_none(tmp_path):
    dataset = build(expert="acrobot", episodes=5, out=str(tmp_path / "x"), threshold=-70.0)
    found = dataset.reference
    assert dataset.manifest.attempts > 5
    assert (found.published, found.published_std, found.published_of) == (-78.87, 10.31, "Acrobot-v1")
    assert found.source == "measured when it was trained: conf/expert/acrobot.yaml"
    assert found.unselected is None
    assert found.attempts == dataset.manifest.attempts
    assert found.threshold == -70.0


def test_where_every_attempt_was_kept_their_mean_is_the_experts_over_all_splits(dataset_of):
    split = load(dataset_of("vector"))
    returns = [*split.episode_table["episode_return"]]
    returns += load(dataset_of("vector"), split="test").episode_table["episode_return"]
    found = split[2:3].reference
    assert found.unselected == pytest.approx(sum(returns) / 8)
    assert (found.attempts, found.environment, found.expert) == (8, "Kind-v0", "random")
    assert (found.published, found.threshold, found.source) == (None, None, None)


def test_an_agent_of_the_hub_is_known_by_its_repository(dataset_of):
    dataset = load(dataset_of("vector"))
    dataset.manifest.inputs["expert"] = {"repo_id": "sb3/ppo-HalfCheetah-v3", "name": "mine"}
    found = dataset.reference
    assert (found.published_of, found.source, found.expert) == ("HalfCheetah-v3", ZOO, "mine")


def test_nothing_is_claimed_of_a_dataset_without_a_build(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"obs": [0.5], "actions": 1, "rewards": 1.0, "episode_starts": 1.0}\n')
    assert load(tmp_path).reference == Reference()


def test_a_threshold_of_the_registration_or_of_the_build_makes_no_scores(tmp_path):
    dataset = build(expert="cartpole", episodes=2, out=str(tmp_path / "x"), verify_sample=0)
    assert (dataset.reference.threshold, gym.spec("CartPole-v1").reward_threshold) == (500.0, 475.0)
    assert dataset.reference.scores is None


def test_what_the_dataset_keeps_goes_before_what_the_machine_knows(dataset_of, tmp_path, monkeypatch):
    dataset = load(dataset_of("vector"))
    kept, measured = ReferenceScores(0.0, 1.0, "kept"), ReferenceScores(0.0, 2.0, "measured")
    entry = Measured(dataset.manifest.inputs["environment"], measured, {"name": "x"}, 1, 0, True, {})
    monkeypatch.setenv(VARIABLE, str(tmp_path / "references.json"))
    store_reference(entry)
    assert known_scores(dataset.manifest) == measured
    assert known_scores(dataclasses.replace(dataset.manifest, reference=kept)) == kept


def test_what_a_target_was_sought_with_goes_before_what_the_machine_knows(dataset_of, tmp_path, monkeypatch):
    manifest = load(dataset_of("vector")).manifest
    sought, measured = ReferenceScores(0.0, 1.0, "sought"), ReferenceScores(0.0, 2.0, "measured")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "references.json"))
    store_reference(Measured(manifest.inputs["environment"], measured, {"name": "x"}, 1, 0, True, {}))
    level = {**manifest.inputs, "level": {"reference": sought.content}}
    found = dataclasses.replace(manifest, inputs=level)
    assert known_scores(found) == sought
    assert common_reference([found, found]) == sought
    kept = ReferenceScores(0.0, 3.0, "kept")
    assert known_scores(dataclasses.replace(found, reference=kept)) == kept


def test_where_nothing_says_which_environment_it_is_the_error_says_so(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"obs": [0.5], "actions": 1, "rewards": 1.0, "episode_starts": 1.0}\n')
    with pytest.raises(DatasetError, match="nothing says which environment it is"):
        _ = load(tmp_path).normalized_returns
