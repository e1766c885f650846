"""Labels of an expert for recorded observations, whoever has played there."""

import filecmp
import shutil

import masked
import numpy as np
import pytest
from verification import STEPS, check, rewrite

from builder import Policy, build, load, merge, relabel
from builder.errors import ConfigError, DatasetError, ExistsError, ExpertError, SpaceError
from builder.exchange.export import ExportRequest, export
from builder.exchange.importing import ImportRequest, import_
from builder.manifest.manifest import read_manifest

SHORT = {"env": {"id": "CartPole-v1", "max_episode_steps": 25}, "threshold": 0, "expert.check": "off"}


class Leaning:
    """Pushes to where the pole falls."""

    version = "1"

    def predict(self, obs, state=None, deterministic=True):
        return int(obs[2] > 0), None


class Alternating:
    """Left, right, left, ... whatever it sees: it counts by itself."""

    def __init__(self):
        self.count = 0

    def predict(self, obs, state=None, deterministic=True):
        self.count += 1
        return self.count % 2, None


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Episodes of a random policy."""
    out = tmp_path_factory.mktemp("played") / "x"
    build("random", episodes=7, out=str(out), **{**SHORT, "dataset.test_fraction": 0.5})
    return out


@pytest.fixture(scope="module")
def labelled(played):
    return relabel(played, "cartpole", to=played.with_name("labelled")).folder


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def same(one, other):
    return names(one) == names(other) and not filecmp.cmpfiles(one, other, names(one), shallow=False)[1]


def test_an_expert_would_do_what_it_did(tmp_path):
    build("cartpole", episodes=5, out=str(tmp_path / "x"), **SHORT)
    found = relabel(tmp_path / "x", "cartpole", to=tmp_path / "y")
    np.testing.assert_array_equal(found["expert_action"], found["action"])


def test_a_policy_that_counts_begins_each_episode_anew(tmp_path):
    counting = Policy("CartPole-v1", policy=Alternating)
    build(counting, episodes=5, out=str(tmp_path / "x"), **SHORT)
    found = relabel(tmp_path / "x", counting, to=tmp_path / "y")
    np.testing.assert_array_equal(found["expert_action"], found["action"])


def test_an_expert_thinks_what_it_thought(tmp_path):
    asked = ["value", "log_prob"]
    build("cartpole", episodes=4, out=str(tmp_path / "x"), **SHORT)
    thought = build("cartpole", episodes=4, out=str(tmp_path / "t"), **SHORT, **{"dataset.teacher": asked})
    found = relabel(tmp_path / "x", "cartpole", to=tmp_path / "y", teacher=asked)
    for name in ("teacher.value", "teacher.log_prob"):
        np.testing.assert_array_equal(found[name], thought[name])
    np.testing.assert_array_equal(found["teacher.log_prob.expert"], found["teacher.log_prob"])
    assert "behaviour_log_prob" not in found.column_names()
    assert check(tmp_path / "y", "rebuild").checks[-1].verdict == "ok"
    assert found.manifest.inputs["relabelled"]["teacher"] == asked


def test_what_an_expert_cannot_say_is_refused_by_its_name(played, tmp_path):
    with pytest.raises(ConfigError, match="value"):
        relabel(played, "random", to=tmp_path / "x", teacher=["value"])
    with pytest.raises(ConfigError, match=r"dataset\.teacher is unknown"):
        relabel(played, "cartpole", to=tmp_path / "x", teacher=["mood"])
    assert not (tmp_path / "x").exists()


def test_all_else_is_as_it_was(played, labelled):
    for split in ("train", "test"):
        before, after = load(played, split=split), load(labelled, split=split)
        assert after.column_names() == [*before.column_names(), "expert_action"]
        for name, values in before.arrays().items():
            np.testing.assert_array_equal(after[name], values)
        assert after.episode_table.to_dict() == before.episode_table.to_dict()
        assert after["expert_action"].dtype == before["action"].dtype


def test_batches_and_datasets_have_the_column(labelled):
    from datasets import load_dataset

    batch = next(load(labelled).batches(4, columns=["observation", "expert_action"]))
    assert batch["expert_action"].shape == (4,)
    table = load_dataset(str(labelled), split="train")
    np.testing.assert_array_equal(table["expert_action"], load(labelled)["expert_action"])


def test_an_object_with_predict_is_an_expert(played, tmp_path):
    found = relabel(load(played), Leaning(), to=tmp_path / "x")
    np.testing.assert_array_equal(found["expert_action"], found["observation"][:, 2] > 0)
    assert read_manifest(tmp_path / "x").inputs["relabelled"]["expert"]["version"] == "1"


def test_it_is_verified_down_to_the_expert(labelled):
    report = check(labelled, "replay")
    assert [item.verdict for item in report.checks] == ["ok"] * len(report.checks)
    assert any("'cartpole' would do there (level=rebuild)" in str(claim) for claim in report.claims)
    rebuilt = check(labelled, "rebuild").checks[-1]
    assert rebuilt.verdict == "ok"
    assert rebuilt.compared == "7 episodes played and labelled again, 4 files by sha256"


def test_the_manifest_and_the_card_say_whose_the_labels_are(played, labelled):
    stated, parent = read_manifest(labelled), read_manifest(played)
    assert stated.inputs["relabelled"]["dataset"] == parent.fingerprint
    assert stated.inputs["relabelled"]["expert"]["name"] == "cartpole"
    assert {**stated.inputs, "columns": None, "relabelled": None} == {
        **parent.inputs,
        "columns": None,
        "relabelled": None,
    }
    card = (labelled / "README.md").read_text()
    assert "| `expert_action` is of | `cartpole`" in card
    assert f"| fingerprint without it | `{parent.fingerprint}` |" in card
    assert "without `expert_action`, byte for byte, which `il-builder relabel`" in card


def test_just_this_dataset_is_made_once(played, labelled, tmp_path):
    stamps = [(labelled / name).stat().st_mtime_ns for name in names(labelled)]
    relabel(played, "cartpole", to=labelled)
    assert [(labelled / name).stat().st_mtime_ns for name in names(labelled)] == stamps
    relabel(played, "cartpole", to=tmp_path / "x")
    assert same(tmp_path / "x", labelled)


def test_another_dataset_is_replaced_only_when_asked(played, tmp_path):
    relabel(played, Leaning(), to=tmp_path / "x")
    with pytest.raises(ExistsError, match="holds another dataset"):
        relabel(played, "cartpole", to=tmp_path / "x")
    found = relabel(played, "cartpole", to=tmp_path / "x", overwrite=True)
    assert found.manifest.inputs["relabelled"]["expert"]["name"] == "cartpole"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ExistsError, match="is not a dataset of ours"):
        relabel(played, "cartpole", to=tmp_path / "mine", overwrite=True)


def test_a_damaged_one_is_made_again(played, labelled, tmp_path):
    shutil.copytree(labelled, tmp_path / "x")
    (tmp_path / "x" / STEPS).write_bytes(b"")
    relabel(played, "cartpole", to=tmp_path / "x")
    assert same(tmp_path / "x", labelled)


def test_labels_of_an_expert_that_is_not_pinned_are_not_taken_for_the_same(played, tmp_path):
    relabel(played, Alternating(), to=tmp_path / "x")
    with pytest.raises(ExistsError, match="labels of an expert that is not pinned"):
        relabel(played, Alternating(), to=tmp_path / "x")
    relabel(played, Alternating(), to=tmp_path / "x", overwrite=True)


def test_an_imported_dataset_is_labelled(played, tmp_path):
    file = export(played, ExportRequest("d4rl", tmp_path / "x.hdf5")).path
    import_(ImportRequest("d4rl", file, environment={"id": "CartPole-v1", "kwargs": {}}), tmp_path / "x")
    found = relabel(tmp_path / "x", "cartpole", to=tmp_path / "y")
    assert found.manifest.inputs["imported"]["format"] == "d4rl"
    np.testing.assert_array_equal(
        found["expert_action"], relabel(played, "cartpole", to=tmp_path / "z")["expert_action"]
    )
    report = check(tmp_path / "y", "rebuild").checks[-1]
    assert report.verdict == "ok"
    assert "its episodes cannot be built again" in report.compared
    assert (
        "which `il-builder relabel` with the expert above then adds" in (tmp_path / "y/README.md").read_text()
    )


def test_its_card_says_that_what_was_done_is_not_the_label(played, labelled):
    told = "`action` is what was done, `expert_action` what `cartpole` would do there"
    assert told in (labelled / "README.md").read_text()
    assert told not in (played / "README.md").read_text()


def test_the_dataset_itself_stays_as_it_is(played, tmp_path):
    before = {name: (played / name).read_bytes() for name in names(played)}
    relabel(played, "cartpole", to=tmp_path / "x")
    assert {name: (played / name).read_bytes() for name in names(played)} == before
    with pytest.raises(ConfigError, match="to is the dataset itself"):
        relabel(played, "cartpole", to=played)


def test_labels_are_given_once(labelled, tmp_path):
    with pytest.raises(DatasetError, match="has a column expert_action already"):
        relabel(labelled, "cartpole", to=tmp_path / "x")


def test_of_a_build_under_noise_it_says_whose_its_labels_are(tmp_path):
    noise = {"rollout": {"noise": {"kind": "epsilon", "epsilon": 0.5}}}
    build("cartpole", episodes=2, out=str(tmp_path / "x"), **SHORT, **noise)
    with pytest.raises(DatasetError, match="its own expert gave it as it played"):
        relabel(tmp_path / "x", "cartpole", to=tmp_path / "y")
    path = export(tmp_path / "x", ExportRequest("d4rl", tmp_path / "x.hdf5")).path
    import_(ImportRequest("d4rl", path, environment={"id": "CartPole-v1", "kwargs": {}}), tmp_path / "z")
    relabel(tmp_path / "z", "cartpole", to=tmp_path / "y")


def test_of_a_merged_dataset_the_parts_are_labelled(played, labelled, tmp_path):
    merge([played], tmp_path / "x")
    with pytest.raises(DatasetError, match="it was merged; relabel its parts"):
        relabel(tmp_path / "x", "cartpole", to=tmp_path / "y")
    found = merge([labelled], tmp_path / "z")
    np.testing.assert_array_equal(found["expert_action"], load(labelled)["expert_action"])


def test_an_expert_of_other_spaces_is_refused(played, tmp_path):
    with pytest.raises(SpaceError, match="pendulum cannot label this dataset") as caught:
        relabel(played, "pendulum", to=tmp_path / "x")
    assert "il-builder experts env=CartPole-v1" in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_a_part_of_a_dataset_is_refused(played, tmp_path):
    whole = load(played)
    for part in (whole[:2], whole.every(2), whole.concat(whole), whole.stacked(2)):
        with pytest.raises(ConfigError, match="relabel takes whole datasets"):
            relabel(part, "cartpole", to=tmp_path / "x")


def test_steps_that_are_missing_matter_to_whoever_remembers(played, tmp_path):
    thinned = shutil.copytree(played, tmp_path / "thinned")

    def every_other(columns):
        columns["step_index"] = [2 * step for step in columns["step_index"]]

    rewrite(thinned, STEPS, every_other)
    with pytest.raises(DatasetError, match="remembers earlier steps"):
        relabel(thinned, Alternating(), to=tmp_path / "x")
    assert not (tmp_path / "x").exists()
    relabel(thinned, "cartpole", to=tmp_path / "y")


def test_a_changed_label_is_found(labelled, tmp_path):
    forged = shutil.copytree(labelled, tmp_path / "x")

    def change(columns):
        columns["expert_action"][30] = 1 - columns["expert_action"][30]

    rewrite(forged, STEPS, change)
    found = check(forged, "rebuild").checks[-1]
    assert (found.name, found.verdict, found.difference.column) == ("rebuild", "differs", "expert_action")
    table = load(forged)
    assert table["episode_index"][30] == found.difference.episode
    assert table["step_index"][30] == found.difference.step


def test_a_build_does_not_take_its_place_unasked(labelled, tmp_path):
    shutil.copytree(labelled, tmp_path / "x")
    with pytest.raises(ExistsError, match="holds another dataset"):
        build("random", episodes=7, out=str(tmp_path / "x"), **{**SHORT, "dataset.test_fraction": 0.5})
    with pytest.raises(DatasetError, match="build makes no labels"):
        build(manifest=str(labelled), out=str(tmp_path / "y"))


class Any:
    """A policy that is asked with masks: the first action that is allowed."""

    stateless = True

    def predict(self, obs, state=None, deterministic=True, action_masks=None):
        return int(np.argmax(action_masks)), None


def test_experts_are_asked_with_the_recorded_masks(tmp_path):
    env = {"id": masked.env_id(masked.Method)}
    build(Policy(env["id"], policy=Any()), episodes=4, out=str(tmp_path / "x"), threshold=-99)
    found = relabel(tmp_path / "x", Any(), to=tmp_path / "y")
    np.testing.assert_array_equal(found["expert_action"], np.argmax(found["action_mask"], 1))


def test_masks_in_the_observations_are_masks(tmp_path):
    env = {"id": masked.env_id(masked.Doors), "kwargs": {"seen": "mask"}}
    build("random", episodes=4, out=str(tmp_path / "x"), env=env)
    found = relabel(tmp_path / "x", Any(), to=tmp_path / "y")
    np.testing.assert_array_equal(found["expert_action"], np.argmax(found["observation.action_mask"], 1))


def test_where_there_are_no_masks_whoever_needs_them_is_refused(played, tmp_path):
    with pytest.raises(ExpertError, match="the dataset holds no masks"):
        relabel(played, Any(), to=tmp_path / "x")


class Handing(Leaning):
    """Says that it is stateless, and hands on a state."""

    stateless = True

    def predict(self, obs, state=None, deterministic=True):
        return int(obs[2] > 0), (state or 0) + 1


def test_where_steps_are_missing_who_hands_on_a_state_does_not_label(played, tmp_path):
    folder = shutil.copytree(played, tmp_path / "x")

    def later(columns):
        columns["step_index"] = [index + 1 for index in columns["step_index"]]

    rewrite(folder, STEPS, later)
    with pytest.raises(DatasetError, match="remembers earlier steps"):
        relabel(folder, Policy("CartPole-v1", policy=Handing()), to=tmp_path / "y")
