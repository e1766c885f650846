"""`build manifest=PATH` makes what a manifest describes, and nothing that a stranger's could smuggle in."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from folders import files
from sweeps import sweep

from builder import Controller, build
from builder.card import write_card
from builder.cli.main import main
from builder.errors import ConfigError, DatasetError, VerificationError
from builder.experts.policy import BUNDLED
from builder.manifest.identity import identity
from builder.manifest.manifest import MANIFEST, read_manifest, seal


@pytest.fixture(scope="module")
def _built(tmp_path_factory):
    place = tmp_path_factory.mktemp("built")
    words = ["expert=pendulum", "episodes=3", "seed=5", "dataset.test_fraction=0.5"]
    Controller().start([*words, f"out={place / 'first'}"])
    return place


@pytest.fixture
def first(_built, tmp_path, monkeypatch):
    """A dataset with all that lies beside it, in the working folder."""
    monkeypatch.chdir(shutil.copytree(_built, tmp_path, dirs_exist_ok=True))
    return Path("first")


def forge(folder, change):
    manifest = read_manifest(folder)
    inputs = json.loads(json.dumps(manifest.inputs))
    change(inputs)
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), folder)
    write_card(folder)


@pytest.mark.parametrize("path", ["first", pytest.param(f"first/{MANIFEST}", marks=pytest.mark.slow)])
def test_a_manifest_alone_makes_the_same_dataset(first, path):
    alone = Path("alone")
    alone.mkdir()
    shutil.copy(first / MANIFEST, alone / MANIFEST)
    given = path.replace("first", "alone")
    assert main(["build", f"manifest={given}", "out=again", "rollout.lanes=2"]) == 0
    assert files("again") == files(first)


def test_an_edited_manifest_is_refused_before_play(first):
    path = first / MANIFEST
    path.write_text(path.read_text().replace('"seed": 5', '"seed": 6'))
    with pytest.raises(DatasetError, match="has been edited: its sha256 is not that of its content"):
        Controller().start([f"manifest={first}", "out=again"])
    assert not Path("again").exists()


@pytest.mark.slow
def test_the_api_takes_a_manifest(first):
    assert len(build(manifest=str(first), out="again")) == 2
    assert files("again") == files(first)


@pytest.mark.parametrize("key", ["seed=1", "episodes=9", "expert=cartpole", "dataset.shard_mb=1"])
def test_what_the_manifest_says_cannot_be_said_again(first, key):
    with pytest.raises(ConfigError, match=f"{key.split('=')[0]} stands in the manifest already"):
        Controller().start([f"manifest={first}", "out=again", key])


def test_an_archive_must_be_given_and_must_be_the_one(first):
    archive = Path(shutil.copy(BUNDLED / "cartpole.zip", "mine.zip"))
    Controller().start(
        [
            "expert=local",
            f"expert.path={archive}",
            "env.id=CartPole-v1",
            "episodes=2",
            "env.max_episode_steps=40",
            "out=local",
        ]
    )
    with pytest.raises(ConfigError, match=r"does not say where the archive.*give expert\.path="):
        Controller().start(["manifest=local", "out=again"])
    Controller().start(["manifest=local", "out=again", f"expert.path={archive}"]).raise_for_difference()
    assert files("again") == files("local")
    other = BUNDLED / "acrobot.zip"
    with pytest.raises(Exception, match="sha256"):
        Controller().start(["manifest=local", "out=more", f"expert.path={other}"])


def test_a_dataset_that_is_not_what_the_manifest_describes_is_an_error_and_stays(first):
    manifest = read_manifest(first)
    entries = {path: dataclasses.replace(entry, sha256="0" * 64) for path, entry in manifest.files.items()}
    result = Controller().start([f"manifest={first}", "out=again"])
    with pytest.raises(VerificationError, match=r"file data/test-00000-of-00001\.parquet and 3 more"):
        dataclasses.replace(
            result, wanted=dataclasses.replace(manifest, files=entries)
        ).raise_for_difference()
    result.raise_for_difference()


def test_what_cannot_be_built_here_is_said_before_play(first):
    forge(first, lambda inputs: inputs["expert"].update(algo="TD3"))
    with pytest.raises(DatasetError, match=r"cannot be built here: its expert\.algo differs"):
        Controller().start([f"manifest={first}", "out=again"])
    assert not Path("again").exists()


@pytest.mark.slow
def test_other_versions_are_a_warning(first, caplog):
    forge(first, lambda inputs: inputs["packages"].update(numpy="1.0"))
    with caplog.at_level("WARNING", "builder"):
        Controller().start([f"manifest={first}", "out=again"]).raise_for_difference()
    assert any("here, 1.0 in the manifest" in line for line in caplog.messages)


@sweep(
    "change",
    [
        lambda inputs: inputs["environment"].update(id="surely_not_imported:Pendulum-v1"),
        lambda inputs: inputs["environment"].update(
            mapping={"trained_on": "surely_not_imported:Pendulum-v1", "zeros": 0}
        ),
        lambda inputs: inputs["expert"].update(source="python", target="surely_not_imported:make"),
        lambda inputs: inputs["expert"].update(trust_remote_code=True),
    ],
)
def test_what_a_stranger_names_needs_trust(first, change):
    forge(first, change)
    with pytest.raises(
        DatasetError, match=r"if you trust whoever wrote it, add expert\.trust_remote_code=true"
    ):
        Controller().start([f"manifest={first}", "out=again"])


def test_a_manifest_of_a_programs_own_expert_has_no_command(tmp_path):
    class Still:
        def predict(self, obs, state=None, deterministic=True):
            return 0, None

    from builder import Experts, Policy

    Experts.register("still", Policy(name="CartPole-v1", policy=Still(), version="1"))
    Controller().start({"expert": "still", "episodes": 2, "out": str(tmp_path / "x")})
    with pytest.raises(DatasetError, match="no command makes the dataset"):
        Controller().start({"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")})
