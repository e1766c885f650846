"""Asking for the same dataset again opens neither the expert nor the environment; anything else does."""

import dataclasses
import json
import shutil
import subprocess
import sys

import pytest
from sweeps import sweep

from builder import Controller
from builder.composition import build_config
from builder.errors import ExistsError
from builder.experts.policy import BUNDLED
from builder.manifest.identity import identity
from builder.manifest.manifest import read_manifest, seal
from builder.pipeline.request_note import note_request, noted_dataset
from builder.pipeline.standing import Note, read_note, standing_at
from builder.storage.layout import Layout

REQUEST = {"expert": "cartpole", "episodes": 2}


@pytest.fixture(scope="module")
def _built(tmp_path_factory):
    out = tmp_path_factory.mktemp("recall") / "x"
    Controller().start({**REQUEST, "out": str(out)})
    return out


@pytest.fixture
def built(_built, tmp_path):
    shutil.copytree(_built.parent, tmp_path, dirs_exist_ok=True)
    note_request(build_config({**REQUEST, "out": str(tmp_path / "x")}), read_manifest(tmp_path / "x"))
    return tmp_path / "x"


def recalled(out, **config):
    """Whether the answer needs neither the expert nor the environment."""
    asked = build_config({**REQUEST, "out": str(out), **config})
    return noted_dataset(asked, standing_at(out)) is not None


def test_the_same_request_is_up_to_date(built):
    assert recalled(built)
    assert Controller().start({**REQUEST, "out": str(built)}).fresh is False


@sweep(
    "config",
    [{"rollout": {"lanes": 3}}, {"parallel": {"n_jobs": 2}}, {"overwrite": True}, {"keep_chunks": False}],
    quick=2,
)
def test_how_it_would_be_played_does_not_matter(built, config):
    assert recalled(built, **config)


@sweep(
    "config",
    [
        {"episodes": 3},
        {"seed": 1},
        {"threshold": 1.0},
        {"rollout": {"deterministic": False}},
        {"dataset": {"next_observation": False}},
        {"env": {"max_episode_steps": 100}},
        {"expert": "random", "env.id": "CartPole-v1"},
    ],
    quick=2,
)
def test_another_request_is_prepared(built, config):
    assert not recalled(built, **config)


def test_who_wants_play_alone_gets_it(built):
    assert Controller().start({**REQUEST, "out": str(built), "mode": "play"}).played is not None


def test_another_version_of_a_package_is_noticed(built):
    manifest = read_manifest(built)
    inputs = {**manifest.inputs, "packages": {**manifest.inputs["packages"], "numpy": "0.0.1"}}
    older = seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), built)
    note_request(build_config({**REQUEST, "out": str(built)}), older)
    assert not recalled(built)


def test_other_code_is_noticed(built):
    config = build_config({**REQUEST, "out": str(built)})
    note_request(config, read_manifest(built), code="other")
    assert not recalled(built)
    note_request(config, read_manifest(built))
    assert recalled(built)


def test_a_missing_file_is_noticed(built):
    (built / "assets/components.png").unlink()
    assert not recalled(built)


def test_a_file_that_was_written_again_is_noticed(built):
    (built / "README.md").write_bytes((built / "README.md").read_bytes())
    assert not recalled(built)
    Controller().start({**REQUEST, "out": str(built)})  # it is whole, and noted to be
    assert recalled(built)


@sweep(
    "note",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"request": "other"',
        b'{"identity": "x", "files": 3}',
        b'{"mine": 1}',
    ],
    quick=2,
)
def test_a_note_that_cannot_be_read_is_worth_nothing(built, note):
    Layout.of(built).request.write_bytes(note)
    assert read_note(built) == Note()
    assert not recalled(built)


def test_a_note_of_another_request_is_worth_nothing(built):
    Layout.of(built).request.write_text('{"request": "other", "identity": "other"}')
    assert not recalled(built)


def test_a_users_own_function_is_always_prepared(built):
    with pytest.raises(ExistsError, match="holds another dataset"):
        Controller(collate=lambda path, episodes: True).start({**REQUEST, "out": str(built)})


def test_a_file_of_the_expert_that_changed_is_noticed(built, tmp_path):
    shutil.copy(BUNDLED / "cartpole.zip", tmp_path / "mine.zip")
    config = {"expert": "local", "expert.path": str(tmp_path / "mine.zip"), "env.id": "CartPole-v1"}
    note_request(build_config({**REQUEST, "out": str(built), **config}), read_manifest(built))
    assert recalled(built, **config)
    for name in ("published.json", "config.yml", "vec_normalize.pkl", "mine/config.yml", "mine.zip"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(b" ")
        assert not recalled(built, **config)
        if name != "mine.zip":
            path.unlink()
            assert recalled(built, **config)


def test_an_environment_that_may_change_without_a_new_version_is_not_remembered(tmp_path):
    config = {"expert": "random", "env.id": "Corridor-v0", "episodes": 2, "out": str(tmp_path / "x")}
    Controller().start(config)
    assert read_note(tmp_path / "x").request is None


def test_a_note_holds_the_identity_of_the_dataset(built):
    noted = json.loads(Layout.of(built).request.read_text())
    assert noted["identity"] == json.loads((built / "manifest.json").read_text())["identity"]


@pytest.mark.slow
def test_what_is_up_to_date_is_said_without_torch_or_datasets(built):
    code = (
        "import sys; from builder.cli.main import main;"
        f"assert main(['expert=cartpole', 'episodes=2', 'out={built}']) == 0;"
        "assert not {'torch', 'datasets', 'pandas', 'matplotlib', 'joblib', 'PIL'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("up to date: ")
