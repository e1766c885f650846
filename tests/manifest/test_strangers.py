"""No text of a manifest is parsed again: whatever stands there is a value, or is refused."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest
from forging import forge, forged_copy, put
from sweeps import sweep
from tracing import THEIRS, plant

from builder import Controller
from builder.cli.main import main
from builder.composition import build_config
from builder.errors import BuilderError, ConfigError, DatasetError
from builder.experts.policy import conf_folder
from builder.manifest.manifest import read_manifest
from builder.manifest.rebuild import Given, code_that_runs, rebuilt_config
from builder.manifest.settings import rebuild_settings
from builder.replay import recorded_environment

EVIL = f"""
defaults: [base, _self_]
name: evil
source: python
target: {THEIRS}:make
env_id: CartPole-v1
"""
SHORT = ["episodes=1", "env.max_episode_steps=5", "expert.check=off", "threshold=-1"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A dataset of a random expert, and one of a bundled expert."""
    place = tmp_path_factory.mktemp("built")
    Controller().start(["expert=random", "env.id=CartPole-v1", *SHORT, f"out={place / 'random'}"])
    Controller().start(["expert=cartpole", *SHORT, f"out={place / 'cartpole'}"])
    return place


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a module of theirs."""
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "work" if (tmp_path / "work").mkdir() is None else tmp_path)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def changed(folder, target, change):
    """A forged copy whose card nobody looks at."""
    return forged_copy(folder, target, change, card=False)


def config_of(folder, **given):
    return rebuilt_config(read_manifest(folder), folder, build_config(["out=again"]), Given(**given))


def test_a_yaml_in_a_dataset_is_no_expert_of_this_package(built, place):
    """The name of a bundled expert was made part of an override, which found a file of the dataset."""
    theirs = Path(shutil.copytree(built / "cartpole", place / "theirs"))
    (theirs / "evil.yaml").write_text(EVIL)
    (theirs / "base.yaml").write_text((conf_folder() / "expert" / "base.yaml").read_text())
    name = os.path.relpath(theirs / "evil", conf_folder() / "expert")
    forge(theirs, put("expert.name", name))
    assert main(["verify", f"out={theirs}", "level=rebuild"]) == 1
    assert main(["build", f"manifest={theirs}", "out=again"]) == 1
    assert not (place / "ran").exists()
    assert not Path("again").exists()


@sweep(
    "name",
    [
        *(
            "python",
            "hopper",
            "base",
            "local",
            "../expert/cartpole",
            "cartpole,random",
            "cartpole.yaml",
            "Cartpole",
        ),
        *(
            "cartpole\0",
            "cartpole ",
            "[cartpole]",
            "'cartpole'",
            "${expert.name}",
            "cartpole expert.source=python",
        ),
    ],
    quick=7,
)
def test_a_bundled_expert_goes_by_the_exact_name_of_one(built, tmp_path, name):
    folder = changed(built / "cartpole", tmp_path / "x", put("expert.name", name))
    assert rebuild_settings(read_manifest(folder)) is None


TEXTS = [
    *(
        "it's",
        'a "b"',
        "a,b",
        "[1,2]",
        "{a:1}",
        "a=b",
        "${oc.env:HOME}",
        "\\${oc.env:HOME}",
        "${seed}",
        "a\\",
        "$x",
    ),
    *(
        "null",
        "true",
        "1",
        "inf",
        "a b",
        " ",
        "++seed=1",
        "expert=python",
        "_target_",
        "x' seed='3",
        "é\u202e",
    ),
]


@sweep("text", TEXTS, quick=2)
def test_a_text_is_that_text(built, tmp_path, text):
    change = {"license": text, "test_fraction": 0.0}
    folder = forged_copy(
        built / "random", tmp_path / "x", lambda inputs: inputs["config"]["dataset"].update(change)
    )
    forge(folder, put("expert.name", text), card=False)
    config = config_of(folder)
    assert (config.dataset.license, config.expert.name) == (text, text)
    assert (config.seed, config.expert.source) == (0, "random")


@sweep("text", TEXTS, quick=2)
def test_an_argument_that_is_a_text_is_that_text_where_it_is_trusted(built, tmp_path, text):
    folder = changed(built / "random", tmp_path / "x", put("environment.kwargs", {"a": text}))
    assert config_of(folder, trusted=True).env.kwargs == {"a": text}
    assert recorded_environment(read_manifest(folder), trusted=True).kwargs == {"a": text}


@sweep(
    ("where", "value"),
    [
        *(
            ("config.seed", "1"),
            ("config.seed", True),
            ("config.seed", 1.5),
            ("config.seed", "${oc.env:HOME}"),
        ),
        *(
            ("config.rollout.max_steps", "5"),
            ("config.rollout.deterministic", "false"),
            ("config.rollout.x", 1),
        ),
        *(
            ("config.dataset.shard_mb", [1]),
            ("config.dataset.license", {"a": 1}),
            ("config.dataset.hub.push", True),
        ),
        *(
            ("expert.name", ["x"]),
            ("environment.id", None),
            ("environment.kwargs", []),
            ("config.max_attempts", "9"),
        ),
        *(
            ("environment.wrappers", "ClipAction"),
            ("environment.max_episode_steps", "5"),
            ("config.threshold", "x"),
        ),
    ],
    quick=8,
)
def test_a_value_of_another_type_is_refused(built, tmp_path, where, value):
    folder = changed(built / "random", tmp_path / "x", put(where, value))
    with pytest.raises(BuilderError):
        config_of(folder)


def test_more_episodes_than_the_manifest_counts_are_refused(built, tmp_path):
    folder = changed(built / "random", tmp_path / "x", put("config.episodes", 10**8))
    with pytest.raises(DatasetError, match="contradicts itself on the number of episodes"):
        config_of(folder)


@sweep(
    ("change", "named"),
    [
        (put("environment.id", "theirs:CartPole-v1"), "the module of the environment theirs:CartPole-v1"),
        (put("environment.mapping", {"trained_on": "theirs:X-v0", "zeros": 0}), "environment theirs:X-v0"),
        (
            put("environment.wrappers", [{"path": "theirs:Wrapper", "kwargs": {}}]),
            "the wrapper theirs:Wrapper",
        ),
        (put("environment.wrappers", [{"path": "RecordVideo", "kwargs": {}}]), "the wrapper RecordVideo"),
        (
            put("environment.wrappers", [{"path": "ClipReward", "kwargs": {"func": "x"}}]),
            "func='x' of ClipReward",
        ),
        (put("environment.kwargs", {"xml_file": "a"}), "the argument xml_file='a' of CartPole-v1"),
        (put("environment.kwargs", {"unknown": 1}), "the argument unknown=1 of CartPole-v1"),
        (put("environment.kwargs", {"sutton_barto_reward": "a:b"}), "the argument sutton_barto_reward='a:b'"),
        (
            put("environment.kwargs", {"sutton_barto_reward": {"$path": "/x"}}),
            "the argument sutton_barto_reward=",
        ),
        (
            lambda inputs: inputs["expert"].update(source="python", target="theirs:make"),
            "the expert theirs:make",
        ),
    ],
    quick=4,
)
def test_trust_is_asked_of_the_configuration_that_would_run(built, tmp_path, change, named):
    folder = changed(built / "random", tmp_path / "x", change)
    with pytest.raises(DatasetError, match=r"add expert\.trust_remote_code=true") as caught:
        config_of(folder)
    assert named in caught.value.what
    assert named in " ".join(code_that_runs(config_of(folder, trusted=True)))


def test_replay_asks_for_the_same_trust(built, tmp_path):
    folder = changed(built / "random", tmp_path / "x", put("environment.id", "theirs:CartPole-v1"))
    with pytest.raises(DatasetError, match="the module of the environment theirs:CartPole-v1"):
        recorded_environment(read_manifest(folder))


def test_trust_does_not_change_how_an_expert_is_loaded(built):
    assert config_of(built / "cartpole", trusted=True).expert.trust_remote_code is False


def test_a_manifest_does_not_choose_whether_a_window_opens(built, tmp_path):
    folder = forged_copy(
        built / "cartpole", tmp_path / "x", put("environment.kwargs", {"render_mode": "human"})
    )
    assert config_of(folder).env.kwargs == {}
    assert recorded_environment(read_manifest(folder)).kwargs == {}
    assert main(["verify", f"out={folder}", "level=rebuild"]) == 0


@sweep("name", ["../outside", "/tmp/x", "..", ".", "a/b", "a\0b", ""], quick=3)
def test_a_name_does_not_choose_a_folder(built, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder = changed(built / "random", tmp_path / "x", put("expert.name", name))
    with pytest.raises(BuilderError, match=r"(is no name for|does not name) a folder|should be non-empty"):
        Controller().start([f"manifest={folder}"])


@pytest.mark.parametrize("value", [{"$reference": "${oc.env:HOME}"}, {"a": {"$reference": "${oc.env:HOME}"}}])
def test_a_variable_of_this_machine_is_never_looked_up_for_a_manifest(built, tmp_path, value):
    folder = forged_copy(
        built / "random", tmp_path / "x", put("environment.kwargs", {"sutton_barto_reward": value})
    )
    for resolve in (config_of, lambda place: recorded_environment(read_manifest(place))):
        with pytest.raises(
            ConfigError, match=r"keeps env\.kwargs\.sutton_barto_reward.* only as \$\{oc\.env:HOME\}"
        ):
            resolve(folder)


def test_what_a_manifest_does_not_hold_can_be_given_and_nothing_else(built, tmp_path):
    held = {"sutton_barto_reward": {"$reference": "${oc.env:CHOICE}"}}
    folder = changed(built / "random", tmp_path / "x", put("environment.kwargs", held))
    given = config_of(folder, kwargs={"sutton_barto_reward": True}).env.kwargs["sutton_barto_reward"]
    assert (given.text, given.value) == ("${oc.env:CHOICE}", True)
    with pytest.raises(ConfigError, match=r"env\.kwargs\.other stands in the manifest already"):
        config_of(folder, kwargs={"sutton_barto_reward": True, "other": 1})


def test_a_manifest_without_its_parts_is_one_clear_error(built, tmp_path):
    folder = Path(shutil.copytree(built / "random", tmp_path / "x"))
    manifest = read_manifest(folder)
    for part in ("config", "environment", "expert"):
        for broken in ({}, [], "x", 3, {"source": []}, {"rollout": 1}):
            inputs = json.loads(json.dumps(manifest.inputs)) | {part: broken}
            with pytest.raises(BuilderError):
                rebuilt_config(
                    dataclasses.replace(manifest, inputs=inputs), folder, build_config(["out=x"]), Given()
                )
