"""`expert=sample-factory`: from a repository or a folder to a dataset."""

import dataclasses
import hashlib
import json
import shutil

import hub_clients
import numpy as np
import pytest
from configured import loaded
from places import ROOT

from builder.errors import ArchiveError, ConfigError, ExpertError
from builder.experts.archive.vec_normalize import Statistics
from builder.experts.sources.sample_factory import EXPERIMENT, _companions, chosen
from builder.experts.sources.table import described_source

FOLDER = ROOT / "tests" / "factory_files" / "vector"
CHECKPOINT = "checkpoint_p0/checkpoint_000000000_0.pth"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "experiment")


@pytest.mark.parametrize("settings", ["cfg.json", "config.json"])
def test_a_repository_is_its_newest_checkpoint_and_the_settings_of_either_name(hub, clients, settings):
    content = (FOLDER / CHECKPOINT).read_bytes()
    names = ["checkpoint_p0/checkpoint_000000001_9.pth", "checkpoint_p0/best_000000007_9_reward_1.0.pth"]
    files = {
        **dict.fromkeys(names, content),
        CHECKPOINT: b"older",
        "git.diff": b"",
        "README.md": b"# an agent",
    }
    repository = hub.store.add("model", "user/x", {**files, settings: (FOLDER / "config.json").read_bytes()})
    identity = clients(hub_clients.expert_identity, "sample-factory", "user/x")
    assert (identity["filename"], identity["commit"]) == (names[0], repository.head.oid)
    assert identity["sha256"] == hashlib.sha256(content).hexdigest()
    assert set(identity["beside"]) == {settings}
    assert described_source(identity).rebuilt(identity).values["revision"] == repository.head.oid


def test_the_figure_of_its_card_is_its_published_return(hub, clients):
    metric = "    - type: mean_reward\n      value: 9.50 +/- 0.50\n"
    card = f"---\nmodel-index:\n- results:\n  - metrics:\n{metric}---\n"
    files = {name: (FOLDER / name).read_bytes() for name in ("config.json", CHECKPOINT)}
    hub.store.add("model", "user/y", {**files, "README.md": card.encode()})
    said = clients(hub_clients.expert_published, "sample-factory", "user/y")
    assert said == (9.5, 0.5, None, "README.md")


def test_a_folder_of_this_machine_or_a_checkpoint_in_it(folder):
    whole = loaded("sample-factory", path=str(folder)).identity
    named = {"name": "mine"}
    assert {**whole, **named} == {**loaded("sample-factory", path=str(folder / CHECKPOINT)).identity, **named}
    assert (whole["algo"], whole["sees"]["normalised"]) == ("APPO", True)
    assert described_source(whole).rebuilt(whole).missing == {"path": EXPERIMENT}


def test_other_settings_make_another_expert(folder):
    before = loaded("sample-factory", path=str(folder)).identity
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "obs_subtract_mean": 1.0}))
    assert loaded("sample-factory", path=str(folder)).identity["beside"] != before["beside"]


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        ({}, ConfigError, "needs expert.repo_id or expert.path"),
        ({"path": "nowhere"}, ExpertError, "there is no file"),
        ({"path": "empty"}, ExpertError, "has no checkpoint"),
        ({"path": "folder", "sha256": "0" * 64}, ExpertError, "not the expert that was asked for"),
        ({"path": "unsettled"}, ArchiveError, "cfg.json or checkpoint_000000000_0.pth cannot be read"),
    ],
    ids=["nothing", "no folder", "no checkpoint", "another file", "no settings"],
)
def test_what_is_no_experiment_is_named(folder, said, error, match):
    places = {"folder": folder, "empty": folder / "checkpoint_p0", "unsettled": folder}
    if said.get("path") == "unsettled":
        (folder / "config.json").unlink()
    if said.get("path") in places:
        said = {**said, "path": str(places[said["path"]])}
    with pytest.raises(error, match=match):
        loaded("sample-factory", **said)


def test_the_last_checkpoint_is_taken_and_the_best_where_there_is_no_other():
    assert (
        chosen(["best_01_2_r_3.0.pth", "checkpoint_09_2.pth", "checkpoint_10_1.pth"], "x")
        == "checkpoint_10_1.pth"
    )
    assert chosen(["best_01_2_r_3.0.pth", "../checkpoint_1_1.pth"], "x") == "best_01_2_r_3.0.pth"


@pytest.mark.parametrize(
    ("env", "env_id"),
    [
        ("atari_breakout", "BreakoutNoFrameskip-v4"),
        ("atari_montezuma", "MontezumaRevengeNoFrameskip-v4"),
        ("atari_kongfumaster", "KungFuMasterNoFrameskip-v4"),
        ("os:evil", None),
    ],
)
def test_a_game_is_known_by_its_name_there(env, env_id):
    assert _companions({"env": env}, pictures=True).env_id == env_id


def test_screens_are_stacked_before_they_are_normalised():
    whole = np.zeros((4, 84, 84))
    companions = dataclasses.replace(
        _companions({"env": "atari_breakout"}, pictures=True),
        statistics=Statistics({"": whole}, {"": whole}, 1e-5, 5.0),
    )
    assert companions.preprocessing is not None
    assert [type(part).__name__ for part in companions.view().decisions[-2:]] == [
        "PictureStack",
        "Normalisation",
    ]
