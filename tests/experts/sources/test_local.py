"""`expert=local`: an archive of the user's own."""

import hashlib
import shutil

import pytest
from agents import agent, start
from configured import SHA256, loaded

from builder import load


@pytest.mark.parametrize("where", ["file", "folder", "home"])
def test_a_local_expert_is_an_archive_or_the_folder_that_holds_one(copy, monkeypatch, where):
    monkeypatch.setenv("HOME", str(copy.parent))
    path = {"file": copy, "folder": copy.parent, "home": "~/agent.zip"}[where]
    expert = loaded("local", path=str(path), sha256=SHA256)
    assert (expert.identity["sha256"], expert.identity["algo"]) == (SHA256, "PPO")
    assert expert.policy.path == str(copy)


def test_where_an_expert_lies_does_not_name_it(copy, tmp_path):
    moved = shutil.copy(copy, tmp_path / "agent.zip")
    assert loaded("local", path=str(copy)).identity == loaded("local", path=str(moved)).identity


def test_what_lies_in_the_folder_of_a_log_is_part_of_the_identity(copy):
    beside = copy.with_suffix("") / "config.yml"  # the zoo's logs keep it in a folder of the archive's name
    beside.parent.mkdir()
    beside.write_text("frame_stack: 1")
    digest = hashlib.sha256(b"frame_stack: 1").hexdigest()
    assert loaded("local", path=str(copy)).identity["beside"] == {"config.yml": digest}


def test_a_local_expert_is_called_as_its_file(tmp_path):
    start(tmp_path, agent(tmp_path / "a"))
    assert set(load(tmp_path / "x").episode_table["policy"]) == {"a"}
