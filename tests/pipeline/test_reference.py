"""`reference`: what random actions and an expert reach, measured once and kept."""

import dataclasses
import json
import math

import h5py
import numpy as np
import pytest

from builder import build, load
from builder.card import CARD, render_card, rendered_again
from builder.composition import build_config, compose
from builder.config import ReferenceConfig
from builder.errors import ConfigError, DatasetError, ExistsError, StorageError
from builder.exchange.importing import ImportRequest, import_
from builder.manifest.manifest import read_manifest, rewrite
from builder.manifest.reference import VARIABLE, measured_reference, reference_of
from builder.pipeline.reference import USUAL, reference

SHORT = ["env.max_episode_steps=60", "expert.check=off", "episodes=4"]
KNOWN = {"id": "CartPole-v1", "kwargs": {}, "max_episode_steps": 60}


@pytest.fixture(autouse=True)
def stored(tmp_path, monkeypatch):
    path = tmp_path / "references.json"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def asked(*words):
    return reference(compose(ReferenceConfig, "reference", list(words)))


def short_build(out, **config):
    keys = {"env": {"max_episode_steps": 60}, "verify_sample": 0, "threshold": -math.inf}
    return build("cartpole", episodes=4, out=str(out), **(keys | {"expert.check": "off"} | config))


def test_the_same_is_not_measured_twice_and_another_expert_only_when_told(stored):
    first = asked("expert=cartpole", *SHORT)
    written = stored.read_bytes()
    again = asked("expert=cartpole", *SHORT)
    assert (again.fresh, again.scores) == (False, first.scores)
    without = asked("env.id=CartPole-v1", "env.max_episode_steps=60")
    assert (without.fresh, without.scores) == (False, first.scores)
    with pytest.raises(ExistsError, match=r"4 episodes each.*overwrite=true to measure anew"):
        asked("expert=cartpole", *SHORT, "seed=7")
    assert stored.read_bytes() == written
    with pytest.raises(ExistsError, match=r"; give episodes=4 seed=100000 to use it, or"):
        asked("expert=cartpole", *SHORT[:2], "episodes=5", "seed=7")
    with pytest.raises(ExistsError, match=r"; give episodes=4 to use it, or"):
        asked("env.id=CartPole-v1", *SHORT[:2], "episodes=5")
    with pytest.raises(ExistsError, match=r"; leave expert= away to use it, or"):
        asked("env.id=CartPole-v1", "expert=cartpole", "expert.name=other", *SHORT)
    other = asked("expert=cartpole", *SHORT, "seed=7", "overwrite=true")
    assert other.fresh
    assert reference_of(KNOWN) == other.scores != first.scores


@pytest.mark.parametrize(
    "words",
    [
        ["rollout.lanes=1"],
        pytest.param(["rollout.lanes=3", "parallel=loky", "parallel.n_jobs=2"], marks=pytest.mark.slow),
    ],
    ids=["lanes", "processes"],
)
def test_it_is_measured_the_same_again_however_it_is_played(words, stored):
    asked("expert=cartpole", *SHORT)
    written = stored.read_bytes()
    assert asked("expert=cartpole", *SHORT, "overwrite=true", *words).fresh
    assert stored.read_bytes() == written


def test_an_environment_alone_is_measured_with_its_best_named_expert(stored):
    found = asked("env.id=CartPole-v1", *SHORT)
    assert measured_reference(found.environment).expert["name"] == "cartpole"
    assert found.environment == KNOWN


def test_what_was_measured_says_how(stored):
    asked("expert=cartpole", *SHORT, "rollout.deterministic=false")
    (entry,) = json.loads(stored.read_text())["references"]
    assert (entry["episodes"], entry["seed"], entry["deterministic"]) == (4, 100000, False)
    assert entry["environment"] == KNOWN
    assert entry["expert"]["sha256"] == build_config(["expert=cartpole"]).expert.sha256
    assert entry["scores"]["source"].endswith("of cartpole, its actions sampled, seed 100000")
    assert "gymnasium" in entry["packages"]


def test_what_is_usual_is_what_the_configuration_has():
    config = compose(ReferenceConfig, "reference", [])
    assert {key: getattr(config, key) for key in USUAL} == USUAL


def test_published_scores_are_found_and_not_measured(stored):
    found = asked("env.id=hopper-medium-v2")
    assert (found.scores.random, found.scores.expert) == (-20.272305, 3234.3)
    assert (found.fresh, found.stored, stored.exists()) == (False, None, False)


def test_a_dataset_is_measured_by_its_own_environment_and_expert_and_keeps_it(tmp_path, stored):
    dataset = short_build(tmp_path / "x")
    with pytest.raises(
        DatasetError, match=r"no reference scores.*il-builder reference .*x measures them once"
    ):
        _ = dataset.normalized_returns
    found = asked(f"out={tmp_path / 'x'}", "episodes=4")
    assert (found.environment, found.fresh) == (KNOWN, True)
    stored.unlink()
    opened = load(tmp_path / "x")
    assert opened.reference.scores == opened.manifest.reference == found.scores
    assert opened.manifest.fingerprint == dataset.manifest.fingerprint
    assert opened.normalized_returns.tolist() == pytest.approx([1.0] * 4)
    text, expected = rendered_again(tmp_path / "x")
    assert text == expected
    assert found.scores.source in text


def test_a_dataset_takes_what_is_known_of_its_environment(tmp_path):
    known = asked("expert=cartpole", *SHORT)
    short_build(tmp_path / "x")
    found = asked(f"out={tmp_path / 'x'}")
    assert (found.fresh, read_manifest(tmp_path / "x").reference) == (False, known.scores)


def test_what_a_target_was_sought_with_is_known_of_its_dataset(tmp_path, stored):
    asked("expert=cartpole", *SHORT)
    sought = reference_of(KNOWN)
    short_build(tmp_path / "x", rollout={"target": 0.5, "tolerance": 0.3})
    assert b"normalised return" in (tmp_path / "x" / CARD).read_bytes()
    stored.unlink()
    found = asked(f"out={tmp_path / 'x'}")
    assert (found.fresh, found.stored, found.scores) == (False, None, sought)
    assert read_manifest(tmp_path / "x").reference == sought
    assert not stored.exists()
    with pytest.raises(ExistsError, match=r"built by a target on the scale of.*leave expert= away"):
        asked(f"out={tmp_path / 'x'}", "expert=cartpole")
    assert asked(f"out={tmp_path / 'x'}", "overwrite=true", "episodes=5").fresh


def test_a_dataset_does_not_take_the_scores_of_another_environment(tmp_path):
    asked("expert=cartpole", *SHORT)
    short_build(tmp_path / "x", env={"max_episode_steps": 50})
    with pytest.raises(ConfigError, match=r"of another environment.*50.*60"):
        asked(f"out={tmp_path / 'x'}", "env.id=CartPole-v1", "env.max_episode_steps=60")
    with pytest.raises(ConfigError, match="of another environment"):
        asked(f"out={tmp_path / 'x'}", "env.id=hopper-medium-v2")
    assert read_manifest(tmp_path / "x").reference is None


def test_a_build_does_not_take_what_only_this_machine_knows(tmp_path):
    asked("expert=cartpole", *SHORT)
    dataset = short_build(tmp_path / "x")
    assert dataset.manifest.reference is None
    assert "ormalised*" not in (tmp_path / "x" / "README.md").read_text()
    assert dataset.normalized_returns.tolist() == pytest.approx([1.0] * 4)


def test_a_dataset_that_names_no_player_needs_the_environment(tmp_path):
    dataset = short_build(tmp_path / "x")
    imported = {
        "imported": {
            "format": "csv",
            "files": [{"name": "x", "sha256": "0" * 64, "size": 1}],
            "unsaid": [],
            "optional": [],
        }
    }
    rewrite(dataclasses.replace(dataset.manifest, inputs=imported), tmp_path / "x")
    with pytest.raises(ConfigError, match=r"does not say who played it.*give env.id="):
        asked(f"out={tmp_path / 'x'}")


def test_without_anything_it_says_what_it_needs():
    with pytest.raises(ConfigError, match=r"needs an environment.*env.id=, expert= or out=FOLDER"):
        asked()


def test_an_environment_without_a_named_expert_needs_one():
    with pytest.raises(
        ConfigError, match=r"no expert that has a name was trained on CliffWalking-v1.*expert="
    ):
        asked("env.id=CliffWalking-v1", "env.max_episode_steps=20")


def test_every_episode_counts():
    with pytest.raises(ConfigError, match="a reference counts every episode"):
        asked("expert=cartpole", "rollout.on_error=reject")


def test_an_expert_that_is_no_better_than_random_actions_makes_no_scale(stored):
    with pytest.raises(DatasetError, match="no better than random actions"):
        asked("expert=cartpole", "env.max_episode_steps=5", "expert.check=off", "episodes=2")
    assert not stored.exists()


def test_a_variable_s_value_is_not_written_down(monkeypatch, stored):
    monkeypatch.setenv("A_KEY", "false")
    asked("expert=cartpole", *SHORT, "env.kwargs.sutton_barto_reward=${oc.env:A_KEY}")
    (entry,) = json.loads(stored.read_text())["references"]
    assert "oc.env:A_KEY" in json.dumps(entry["environment"])


def test_a_dataset_of_random_actions_is_measured_with_the_best_named_expert(tmp_path, stored):
    build("random", episodes=3, out=str(tmp_path / "x"), env={"id": "CartPole-v1", "max_episode_steps": 60})
    found = asked(f"out={tmp_path / 'x'}", "episodes=4", "expert.check=off")
    assert measured_reference(KNOWN).expert["name"] == "cartpole"
    assert load(tmp_path / "x").normalized_returns.mean() < 0.5
    assert found.scores.expert == 60.0


def test_where_the_figures_could_not_be_stored_nothing_is_played(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    (tmp_path / "a-file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "a-file" / "references.json"))
    with pytest.raises(StorageError, match=r"cannot be written.*IL_BUILDER_REFERENCES=FILE"):
        asked("expert=cartpole", *SHORT)
    assert "accepted" not in caplog.text


def test_a_named_expert_is_measured_in_the_dataset_s_environment(tmp_path, stored):
    build("random", episodes=3, out=str(tmp_path / "x"), env={"id": "CartPole-v1", "max_episode_steps": 60})
    found = asked(f"out={tmp_path / 'x'}", "expert=cartpole", "expert.check=off", "episodes=4")
    assert (found.environment, found.fresh) == (KNOWN, True)
    assert measured_reference(KNOWN).expert["name"] == "cartpole"


def test_a_named_expert_in_another_environment_measures_nothing_for_a_dataset(tmp_path, stored):
    short_build(tmp_path / "x", env={"max_episode_steps": 50})
    with pytest.raises(ConfigError, match=r"of another environment.*50.*60"):
        asked(f"out={tmp_path / 'x'}", "expert=cartpole", "env.id=CartPole-v1", *SHORT)
    assert not stored.exists()


def test_a_dataset_of_a_program_s_own_functions_needs_an_expert(tmp_path):
    dataset = short_build(tmp_path / "x")
    inputs = {**dataset.manifest.inputs, "own": {"enjoy": "mine"}}
    rewrite(dataclasses.replace(dataset.manifest, inputs=inputs), tmp_path / "x")
    (tmp_path / "x" / CARD).write_text(render_card(tmp_path / "x"))
    with pytest.raises(ConfigError, match="does not say who played it"):
        asked(f"out={tmp_path / 'x'}")
    found = asked(f"out={tmp_path / 'x'}", "expert=cartpole", "expert.check=off", "episodes=4")
    assert found.environment == KNOWN


def test_a_dataset_that_names_no_environment_takes_the_published_scores_of_the_one_that_is_named(tmp_path):
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["observations"], file["actions"] = np.zeros((4, 11), "f4"), np.zeros((4, 3), "f4")
        file["rewards"], file["terminals"] = np.ones(4, "f4"), np.arange(4) == 1
        file["timeouts"] = np.arange(4) == 3
    import_(ImportRequest("d4rl", tmp_path / "x.hdf5"), tmp_path / "x")
    found = asked(f"out={tmp_path / 'x'}", "env.id=hopper-medium-v2")
    assert load(tmp_path / "x").normalized_returns.tolist() == [(2 + 20.272305) / (3234.3 + 20.272305)] * 2
    assert found.scores.source in (tmp_path / "x" / "README.md").read_text()


def test_noise_that_a_dataset_has_does_not_make_its_expert_worse(tmp_path):
    noise = {"rollout.noise.kind": "epsilon", "rollout.noise.epsilon": 0.9}
    short_build(tmp_path / "x", **noise)
    found = asked(f"out={tmp_path / 'x'}", "episodes=4")
    assert found.scores.expert == 60.0
    assert load(tmp_path / "x").normalized_returns.mean() < 0.5
