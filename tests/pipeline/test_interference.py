"""Noise, from the command line to its proof."""

import dataclasses
import shutil
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from folders import files
from places import ROOT
from verification import check

from builder import Controller, build, load
from builder.composition import build_config
from builder.errors import ConfigError, SpaceError
from builder.exchange.export import ExportRequest, export
from builder.experts.policy import BUNDLED
from builder.loading.open import open_folder
from builder.manifest.manifest import read_manifest
from builder.pipeline.prepare import prepare
from builder.storage.digest import file_sha256
from builder.verify.config import SwitchConfig

NOISY = {
    "expert": "pendulum",
    "rollout.noise": "gaussian",
    "rollout.noise.std": 0.5,
    "episodes": 6,
    "env.max_episode_steps": 30,
}


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    out = tmp_path_factory.mktemp("noisy") / "x"
    Controller().start({**NOISY, "out": str(out)})
    return out


def test_what_was_done_and_what_the_expert_would_have_done_stand_side_by_side(noisy):
    arrays = open_folder(noisy).arrays()
    offset = arrays["action"] - arrays["expert_action"]
    assert arrays["expert_action"].dtype == arrays["action"].dtype
    assert 0.3 < offset.std() < 0.6
    assert np.abs(arrays["action"]).max() <= 2


def test_the_label_is_the_experts_own_answer_to_what_it_saw(noisy, tmp_path):
    arrays = open_folder(noisy).arrays()
    alone = build("pendulum", episodes=6, out=str(tmp_path / "y"), threshold=float("-inf")).arrays()
    first = arrays["step_index"] == 0
    np.testing.assert_array_equal(arrays["expert_action"][first], alone["action"][alone["step_index"] == 0])


@pytest.mark.parametrize(
    "settings",
    [
        {"rollout.lanes": 1},
        {"rollout.lanes": 64},
        {"rollout.lanes": 7, "parallel": "threading", "parallel.n_jobs": 2},
        pytest.param({"parallel": "loky", "parallel.n_jobs": 2}, marks=pytest.mark.slow),
    ],
    ids=["1", "64", "7x2", "loky"],
)
def test_lanes_and_jobs_change_no_byte(noisy, settings, tmp_path):
    Controller().start({**NOISY, **settings, "out": str(tmp_path / "x")})
    assert read_manifest(tmp_path / "x").fingerprint == read_manifest(noisy).fingerprint


def test_growth_gives_what_a_fresh_build_gives(noisy, tmp_path):
    for episodes in (2, 6):
        Controller().start({**NOISY, "episodes": episodes, "out": str(tmp_path / "x")})
    assert files(tmp_path / "x" / "data") == files(noisy / "data")


def test_it_is_stepped_and_played_again(noisy):
    for level in ("replay", "rebuild"):
        check(noisy, level).raise_for_difference()


def test_every_episode_counts_unless_a_threshold_is_given(tmp_path):
    plain = build_config(["expert=cartpole"])
    asked = ["expert=cartpole", "rollout.noise=epsilon", "rollout.noise.epsilon=0.5"]
    assert plain.acceptance.low > 0
    assert build_config(asked).acceptance.low == -np.inf
    assert build_config([*asked, "threshold=9"]).acceptance.low == 9
    out = tmp_path / "x"
    Controller().start([*asked, "episodes=3", f"out={out}"])
    assert read_manifest(out).attempts == 3


def test_a_threshold_that_is_the_experts_own_is_kept_by_a_rebuild(tmp_path):
    own = build_config(["expert=cartpole"]).acceptance.low
    given = {"expert": "cartpole", "rollout.noise": {"kind": "sticky", "probability": 0.1}, "episodes": 2}
    Controller().start({**given, "threshold": own, "out": str(tmp_path / "x")})
    check(tmp_path / "x", "rebuild").raise_for_difference()


def test_where_the_expert_samples_the_label_is_its_best_action(tmp_path):
    given = {**NOISY, "rollout.deterministic": False, "out": str(tmp_path / "x")}
    arrays = load(Controller().start(given).out).arrays()
    again = {**given, "rollout.noise.std": 0, "out": str(tmp_path / "y")}
    silent = load(Controller().start(again).out).arrays()
    assert (silent["action"] != silent["expert_action"]).any()
    first = arrays["step_index"] == 0
    np.testing.assert_array_equal(arrays["expert_action"][first], silent["expert_action"][first])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"expert": "random", "env.id": "Pendulum-v1"}, "random actions are nobody's choice"),
        ({"expert": "cartpole"}, "is for continuous actions"),
    ],
    ids=["random", "discrete"],
)
def test_what_cannot_be_disturbed_is_refused_in_a_line(given, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        Controller().start({**NOISY, **given, "out": str(tmp_path / "x")})
    assert not (tmp_path / "x").exists()


def test_a_function_of_the_users_own_has_noise_of_its_own(tmp_path):
    def enjoy(path, context, expert):
        raise AssertionError("it is not called")

    with pytest.raises(ConfigError, match=r"rollout\.noise .* is recorded by the built-in enjoy alone"):
        Controller(enjoy).start({**NOISY, "out": str(tmp_path / "x")})


def test_the_card_says_so(noisy):
    card = (noisy / "README.md").read_text()
    assert "noisy trajectories of `pendulum`" in card
    assert "with normal noise on each of them, of the standard deviation 0.5" in card
    assert "`expert_action` is the label for imitation" in card
    assert "One deterministic policy visits few states" not in card


def test_it_is_written_without_the_key_where_there_is_none():
    config = build_config(["expert=pendulum"])
    assert dataclasses.asdict(config.rollout)["noise"] is None


@pytest.mark.parametrize(
    ("asked", "column"),
    [
        (("d4rl", {}), "action"),
        (("d4rl", {"action": "expert_action"}), "expert_action"),
        (("robomimic", {}), "expert_action"),
        (("robomimic", {"action": "action"}), "action"),
    ],
    ids=["rl", "rl-labels", "imitation", "imitation-done"],
)
def test_an_export_has_what_it_is_for_as_its_actions(noisy, tmp_path, asked, column):
    done = export(noisy, ExportRequest(asked[0], tmp_path / "x.hdf5", asked[1]))
    with h5py.File(done.path) as file:
        found = file["actions" if asked[0] == "d4rl" else "data/demo_0/actions"][:]
    np.testing.assert_array_equal(found, open_folder(noisy).arrays()[column][: len(found)])
    (other,) = {"action", "expert_action"} - {column}
    assert other in (lost := [loss.what for loss in done.losses])
    assert column not in lost


def test_imitation_is_given_the_labels(noisy, monkeypatch):
    types = SimpleNamespace(TrajectoryWithRew=SimpleNamespace, maybe_wrap_in_dictobs=lambda seen: seen)
    for name in ("imitation", "imitation.data"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    monkeypatch.setitem(sys.modules, "imitation.data.types", types)
    dataset = open_folder(noisy)
    acts = np.concatenate([trajectory.acts for trajectory in dataset.to_imitation()])
    np.testing.assert_array_equal(acts, dataset.arrays()["expert_action"])


def test_another_choice_of_actions_is_another_export(noisy, tmp_path):
    for action in ("action", "expert_action"):
        wanted = ExportRequest("d4rl", tmp_path / "x.hdf5", {"action": action}, overwrite=True)
        assert export(noisy, wanted).fresh
    assert not export(noisy, wanted).fresh


def test_a_dataset_without_labels_exports_what_was_done(tmp_path):
    Controller().start(
        {"expert": "random", "env.id": "CartPole-v1", "episodes": 1, "out": str(tmp_path / "x")}
    )
    with pytest.raises(ConfigError, match=r"to\.action is unknown; expected action; got 'expert_action'"):
        export(tmp_path / "x", ExportRequest("d4rl", tmp_path / "y", {"action": "expert_action"}))


MIXED = {"expert": "cartpole", "episodes": 4, "rollout.switch": {"policy": "random", "probability": 0.3}}


def test_random_actions_play_too_and_the_expert_labels_every_state(tmp_path):
    Controller().start({**MIXED, "out": str(tmp_path / "x")})
    arrays = open_folder(tmp_path / "x").arrays()
    other = arrays["controller"] == 1
    assert 0.2 < other.mean() < 0.4
    np.testing.assert_array_equal(arrays["action"][~other], arrays["expert_action"][~other])
    assert (arrays["action"][other] != arrays["expert_action"][other]).any()
    check(tmp_path / "x", "rebuild").raise_for_difference()
    threads = {"parallel": "threading", "parallel.n_jobs": 2}
    Controller().start({**MIXED, "rollout.lanes": 1, **threads, "out": str(tmp_path / "y")})
    assert read_manifest(tmp_path / "x").fingerprint == read_manifest(tmp_path / "y").fingerprint
    assert "mixed trajectories of `cartpole`" in (tmp_path / "x" / "README.md").read_text()


def test_another_archive_plays_first_and_no_manifest_says_where_it_lies(tmp_path):
    archive = str(BUNDLED / "cartpole.zip")
    given = {**MIXED, "rollout.switch": {"policy": archive, "steps": [5, 9]}, "out": str(tmp_path / "x")}
    Controller().start(given)
    arrays = open_folder(tmp_path / "x").arrays()
    others = [arrays["controller"][arrays["episode_index"] == index] for index in range(4)]
    for turns in others:
        assert 5 <= turns.sum() <= 9
        assert turns[: turns.sum()].all()
    np.testing.assert_array_equal(arrays["action"], arrays["expert_action"])  # it is the expert itself
    for file in ("manifest.json", "README.md"):
        said = (tmp_path / "x" / file).read_text()
        assert str(BUNDLED) not in said
        assert f"he other policy is cartpole.zip, sha256 {file_sha256(BUNDLED / 'cartpole.zip')}" in said
    assert "and the archive of the other policy for `path/to/policy.zip`, this gives" in said
    with pytest.raises(
        ConfigError, match=r"rollout\.switch lies.* identity .*give switch\.path=PATH to verify"
    ):
        check(tmp_path / "x", "rebuild")
    check(tmp_path / "x", "rebuild", switch=SwitchConfig(archive)).raise_for_difference()
    again = {"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y"), "rollout.switch.policy": archive}
    Controller().start(again).raise_for_difference()
    assert read_manifest(tmp_path / "y").fingerprint == read_manifest(tmp_path / "x").fingerprint


def test_a_policy_of_another_environment_cannot_play_too(tmp_path):
    switch = {"policy": str(BUNDLED / "pendulum.zip"), "steps": 2}
    with pytest.raises(SpaceError, match=r"the policy of rollout\.switch, pendulum\.zip: "):
        Controller().start({**MIXED, "rollout.switch": switch, "out": str(tmp_path / "x")})


@pytest.mark.parametrize("policy", ["nothere.zip", "acrobot"])
def test_a_policy_that_is_no_file_is_said_of_the_switch(policy, tmp_path):
    switch = {"policy": policy, "steps": 2}
    with pytest.raises(ConfigError, match=rf"no file {policy} for rollout\.switch; expected random, or"):
        Controller().start({**MIXED, "rollout.switch": switch, "out": str(tmp_path / "x")})


def test_a_policy_that_plays_too_is_known_by_its_bytes_and_not_by_the_name_of_its_file(tmp_path):
    found = []
    for name in ("one", "other"):
        archive = shutil.copy(BUNDLED / "cartpole.zip", tmp_path / f"{name}.zip")
        switch = {"policy": str(archive), "steps": 2}
        found.append(prepare(build_config({**MIXED, "rollout.switch": switch})).inputs)
    assert found[0] == found[1]
    pinned = (ROOT / "tests" / "fingerprints.json").read_text()
    assert "switch" not in pinned
