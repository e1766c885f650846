"""A folder of checkpoints: each plays in its turn, and the dataset says which."""

import shutil

import numpy as np
import pytest
from seeing import save_timed
from verification import check

from builder import Controller, load
from builder.errors import ConfigError, ExpertError, SpaceError
from builder.experts.policy import BUNDLED
from builder.manifest.manifest import read_manifest
from builder.storage.digest import file_sha256


@pytest.fixture
def folder(tmp_path):
    """Two archives."""
    found = tmp_path / "run"
    found.mkdir()
    shutil.copy(BUNDLED / "cartpole.zip", found / "step-1000.zip")
    shutil.copy(BUNDLED / "cartpole.zip", found / "step-2000.zip")
    return found


def built(folder, out, **config):
    given = {"expert": "local", "expert.path": str(folder), "env.id": "CartPole-v1", "episodes": 5}
    Controller().start({**given, "env.max_episode_steps": 20, **config, "out": str(out)})
    return load(str(out))


def test_attempts_are_played_in_turns_and_the_policy_column_says_by_whom(folder, tmp_path):
    dataset = built(folder, tmp_path / "x")
    assert list(dataset.episode_table["policy"]) == ["step-1000", "step-2000"] * 2 + ["step-1000"]
    expert = read_manifest(tmp_path / "x").inputs["expert"]
    assert [member["name"] for member in expert["members"]] == ["step-1000", "step-2000"]
    assert (expert["algo"], expert["name"]) == ("checkpoint-mixture", "run")
    card = (tmp_path / "x" / "README.md").read_text()
    assert "a checkpoint-mixture of 2 local archives that play an attempt each in turn" in card
    sha256 = file_sha256(folder / "step-1000.zip")
    assert (
        f"| the sha256 of its archives | `step-1000.zip` `{sha256}`, `step-2000.zip` `{sha256}`; of all"
        in card
    )
    assert "expert.path=path/to/archives" in card
    built(folder, tmp_path / "y", **{"rollout.lanes": 1})
    assert read_manifest(tmp_path / "x").fingerprint == read_manifest(tmp_path / "y").fingerprint


def test_checkpoints_think_nothing_together(folder, tmp_path):
    with pytest.raises(ConfigError, match="no value, since several archives play in turns"):
        built(folder, tmp_path / "x", **{"dataset.teacher": ["value"]})


def test_each_plays_as_it_does_alone(folder, tmp_path):
    mixed = built(folder, tmp_path / "x").arrays()
    alone = built(folder / "step-1000.zip", tmp_path / "y").arrays()
    np.testing.assert_array_equal(mixed["action"], alone["action"])


def test_a_mixture_is_verified_and_grows(folder, tmp_path):
    built(folder, tmp_path / "x", episodes=2)
    built(folder, tmp_path / "x")
    check(tmp_path / "x", "replay").raise_for_difference()
    again = {"manifest": str(tmp_path / "x"), "expert.path": str(folder), "out": str(tmp_path / "y")}
    Controller().start(again).raise_for_difference()


def test_other_checkpoints_are_not_those_of_the_manifest(folder, tmp_path):
    built(folder, tmp_path / "x")
    shutil.copy(BUNDLED / "cartpole.zip", folder / "step-3000.zip")
    again = {"manifest": str(tmp_path / "x"), "expert.path": str(folder), "out": str(tmp_path / "y")}
    with pytest.raises(ExpertError, match="is not the expert that was asked for"):
        Controller().start(again)


def test_checkpoints_of_other_environments_cannot_take_turns(folder, tmp_path):
    shutil.copy(BUNDLED / "pendulum.zip", folder / "step-3000.zip")
    with pytest.raises(SpaceError):
        built(folder, tmp_path / "x")


def test_checkpoints_are_read_as_data(folder, tmp_path):
    with pytest.raises(ConfigError, match="checkpoints are read as data"):
        built(folder, tmp_path / "x", **{"expert.trust_remote_code": True})


def test_what_several_saw_behind_their_wrappers_is_refused_and_not_taken_from_the_environment(tmp_path):
    folder = save_timed(tmp_path / "run")
    shutil.copy(folder / "agent.zip", folder / "other.zip")
    with pytest.raises(ConfigError, match=r"dataset\.policy_observation is not known of several experts"):
        built(folder, tmp_path / "x", **{"dataset.policy_observation": True})


def test_several_that_see_what_is_observed_record_just_that(folder, tmp_path):
    found = built(folder, tmp_path / "x", **{"dataset.policy_observation": True, "episodes": 2}).arrays()
    np.testing.assert_array_equal(found["policy_observation"], found["observation"])
