"""Asking for the same dataset again opens neither the expert nor the environment; anything else does."""

import json
import shutil
import subprocess
import sys

import pytest

from builder import Controller
from builder.experts.policy import BUNDLED
from builder.pipeline import controller
from builder.pipeline import up_to_date as recall
from builder.storage.layout import request_path


class PreparedError(Exception):
    """The controller went on to prepare a build."""


def start(out, **config):
    return Controller().start({"expert": "cartpole", "episodes": 2, "out": str(out), **config})


def refuse(*_):
    raise PreparedError


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("recall") / "x"
    start(out)
    return out


@pytest.fixture
def again(built, monkeypatch):
    """Asks again, and fails where the build would be prepared."""

    monkeypatch.setattr(controller, "prepare", refuse)
    return lambda **config: start(built, **config)


def test_the_same_request_is_up_to_date_without_opening_anything(again):
    assert again().fresh is False


@pytest.mark.parametrize(
    "config",
    [{"rollout": {"lanes": 3}}, {"parallel": {"n_jobs": 2}}, {"overwrite": True}, {"keep_chunks": False}],
)
def test_how_it_would_be_played_does_not_matter(again, config):
    assert again(**config).fresh is False


@pytest.mark.parametrize(
    "config",
    [
        {"episodes": 3},
        {"seed": 1},
        {"threshold": 1.0},
        {"rollout": {"deterministic": False}},
        {"dataset": {"next_observation": False}},
        {"env": {"max_episode_steps": 100}},
        {"expert": "random", "env.id": "CartPole-v1"},
        {"mode": "play"},
    ],
)
def test_another_request_is_prepared(again, config):
    with pytest.raises(PreparedError):
        again(**config)


def test_another_version_of_a_package_is_noticed(again, monkeypatch):
    monkeypatch.setattr(recall, "identity_version", lambda name: "0.0.1")
    with pytest.raises(PreparedError):
        again()


def test_other_code_is_noticed(again, monkeypatch):
    monkeypatch.setattr(recall, "all_code", lambda: "other")
    with pytest.raises(PreparedError):
        again()


def test_a_missing_file_is_noticed(again, built):
    path = built / "assets/returns.png"
    content = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(PreparedError):
            again()
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("note", ["", "[]", '{"request": "other", "identity": "other"}'])
def test_a_note_that_says_something_else_is_worth_nothing(again, built, note):
    path = request_path(built)
    kept = path.read_text()
    path.write_text(note)
    try:
        with pytest.raises(PreparedError):
            again()
    finally:
        path.write_text(kept)


def test_a_users_own_function_is_always_prepared(built, monkeypatch):
    monkeypatch.setattr(controller, "prepare", refuse)
    with pytest.raises(PreparedError):
        Controller(collate=lambda path, episodes: True).start(
            ["expert=cartpole", "episodes=2", f"out={built}"]
        )


def test_a_file_of_the_expert_that_changed_is_noticed(tmp_path, monkeypatch):
    shutil.copy(BUNDLED / "cartpole.zip", tmp_path / "x.zip")
    config = {"expert": "local", "expert.path": str(tmp_path / "x.zip"), "env.id": "CartPole-v1"}
    start(tmp_path / "out", **config)
    monkeypatch.setattr(controller, "prepare", refuse)
    assert start(tmp_path / "out", **config).fresh is False
    for name in ("published.json", "config.yml", "vec_normalize.pkl", "x/config.yml", "x.zip"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(b" ")
        with pytest.raises(PreparedError):
            start(tmp_path / "out", **config)
        if name != "x.zip":
            path.unlink()
            assert start(tmp_path / "out", **config).fresh is False


def test_an_environment_that_may_change_without_a_new_version_is_not_remembered(tmp_path):
    start(tmp_path / "x", expert="random", **{"env.id": "Corridor-v0"})
    assert not request_path(tmp_path / "x").exists()


def test_a_note_holds_the_identity_of_the_dataset(built):
    noted = json.loads(request_path(built).read_text())
    assert noted["identity"] == json.loads((built / "manifest.json").read_text())["identity"]


def test_what_is_up_to_date_is_said_without_torch_or_datasets(built):
    code = (
        "import sys; from builder.cli.main import main;"
        f"assert main(['expert=cartpole', 'episodes=2', 'out={built}']) == 0;"
        "assert not {'torch', 'datasets', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("up to date: ")
