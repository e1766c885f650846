"""`expert=weights`: from a folder to a dataset that is proven and built again."""

import json
import shutil

import pytest
from configured import loaded
from verification import check
from weights_folders import two_layers

from builder import Controller, load
from builder.config import TrustConfig
from builder.errors import ConfigError, ExpertError


@pytest.fixture
def folder(tmp_path):
    return two_layers(tmp_path / "leaning", env_id="CartPole-v1", algorithm="by hand")


def build(out, **keys):
    return Controller().start({"out": str(out), **keys})


def test_an_expert_is_known_by_both_of_its_files_and_not_by_its_place(folder, tmp_path):
    first = loaded("weights", path=str(folder)).identity
    assert (first["source"], first["algo"], first["version"]) == ("weights", "by hand", first["sha256"])
    moved = shutil.copytree(folder, tmp_path / "b" / "leaning")
    assert loaded("weights", path=str(moved)).identity == first
    assert loaded("weights", path=str(moved / "expert.json"), name="leaning").identity == first
    content = json.loads((moved / "expert.json").read_text())
    (moved / "expert.json").write_text(json.dumps(content, indent=1))  # the same, spelt otherwise
    assert loaded("weights", path=str(moved)).identity["sha256"] != first["sha256"]


def test_another_expert_than_the_one_that_is_asked_for_is_refused(folder):
    with pytest.raises(ExpertError, match="leaning is not the expert that was asked for"):
        loaded("weights", path=str(folder), sha256="ab" * 32)


def test_a_dataset_is_built_proven_and_built_again(folder, tmp_path):
    out = tmp_path / "x"
    manifest = build(out, expert="weights", episodes=2, **{"expert.path": str(folder)}).manifest
    assert manifest.inputs["environment"]["id"] == "CartPole-v1"
    assert "a local folder of layers and tensors" in (out / "README.md").read_text()
    report = check(out, "rebuild", expert=TrustConfig(path=str(folder)))
    report.raise_for_difference()
    assert report.checks[-1].name == "rebuild"
    again = build(tmp_path / "y", manifest=str(out), **{"expert.path": str(folder)})
    assert again.manifest.fingerprint == manifest.fingerprint
    with pytest.raises(ConfigError, match=r"does not say where"):
        build(tmp_path / "z", manifest=str(out))


@pytest.mark.slow
def test_an_expert_goes_with_its_dataset(folder, tmp_path):
    keys = {"expert.path": str(folder), "dataset.include_expert": True}
    build(tmp_path / "x", expert="weights", episodes=2, **keys)
    kept = build(
        tmp_path / "y",
        expert="local",
        episodes=2,
        **{"expert.path": str(tmp_path / "x/expert"), "env.id": "CartPole-v1"},
    )
    ours, theirs = load(tmp_path / "x").arrays(), load(kept.out).arrays()
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_results_beside_it_are_its_published_return(folder):
    (folder / "results.json").write_text(json.dumps({"mean_reward": 200, "std_reward": 3}))
    assert loaded("weights", path=str(folder)).published.mean == 200


def test_an_archive_is_looked_for_where_there_is_one(folder):
    with pytest.raises(ExpertError, match="played by expert=weights"):
        loaded("local", path=str(folder))
