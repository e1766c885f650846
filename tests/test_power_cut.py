"""A power cut at any moment leaves the old dataset or the new one, and the same command goes on."""

import shutil

import pytest
from folders import files
from power import Disk, restore
from sweeps import sweep

from builder import Controller
from builder.rollout.cleaning import clean
from builder.storage.lock import locked

CONFIG = {"expert": "random", "env.id": "Corridor-v0", "episodes": 3, "rollout.lanes": 2, "verify_sample": 0}
COMMANDS = {
    "first": ({}, None),
    "growth": ({"episodes": 5}, {}),
    "overwrite": ({"seed": 1, "overwrite": True}, {}),
    "without its chunks": ({"episodes": 5, "keep_chunks": False}, {}),
    "with its expert": ({"expert": "cartpole", "env.id": None, "dataset.include_expert": True}, None),
}


def build(out, changes):
    return Controller().start({**CONFIG, **changes, "out": str(out)})


def recorded(tmp_path, monkeypatch, command):
    """What power cuts leave of a command: (before, after, all that is left, what is flushed at the end)."""
    changes, first = COMMANDS[command]
    root = tmp_path / "disk"
    root.mkdir()
    if first is not None:
        build(root / "x", first)
    before = files(root / "x") if (root / "x").exists() else {}
    with monkeypatch.context() as watched:
        disk = Disk(root, watched)
        build(root / "x", changes)
    return before, files(root / "x"), disk.distinct(), disk.left[-1]


@sweep("command", ["first", "growth"])
def test_once_a_command_has_ended_nothing_is_lost(tmp_path, monkeypatch, command):
    *_, flushed = recorded(tmp_path, monkeypatch, command)
    there = files(tmp_path / "disk")
    del there[".x.chunks/lock"]
    assert any(name.startswith(".x.chunks/") and "/chunk-" in name for name in there)
    assert {name: flushed.get(name) for name in there} == there


@sweep("command", ["first", "growth"])
def test_what_is_left_is_the_old_dataset_or_the_new_one(tmp_path, monkeypatch, command):
    before, after, left, _ = recorded(tmp_path, monkeypatch, command)
    found = []
    for number, content in enumerate(left):
        restore(content, tmp_path / f"{number}")
        with locked(tmp_path / f"{number}/x"):  # what every command begins with
            found.append(files(tmp_path / f"{number}/x"))
    assert all(dataset in (before, after) for dataset in found)
    assert found[-1] == after
    assert found.index(after) > len(found) / 3  # it was cut at very different moments


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_command_goes_on_from_whatever_is_left(tmp_path, monkeypatch, command):
    _, after, left, _ = recorded(tmp_path, monkeypatch, command)
    assert len(left) > 15
    for content in left:
        restore(content, tmp_path / "again")
        build(tmp_path / "again/x", COMMANDS[command][0])
        assert files(tmp_path / "again/x") == after, sorted(content)
        assert not [path for path in (tmp_path / "again").iterdir() if "staging" in path.name]
        shutil.rmtree(tmp_path / "again")


@pytest.mark.slow
def test_a_power_cut_while_cleaning_leaves_the_dataset_and_the_same_command_goes_on(tmp_path, monkeypatch):
    root = tmp_path / "disk"
    root.mkdir()
    build(root / "x", {})
    dataset = files(root / "x")
    with monkeypatch.context() as watched:
        disk = Disk(root, watched)
        clean(root / "x")
    for content in disk.distinct():
        restore(content, tmp_path / "again")
        clean(tmp_path / "again/x")
        assert {path.name for path in (tmp_path / "again").iterdir()} == {"x"}
        assert files(tmp_path / "again/x") == dataset
        shutil.rmtree(tmp_path / "again")
