"""Recordings become a folder, by our own `collate` or by the user's."""

import json
from pathlib import Path

import pytest
from corridor import CORRIDOR, record, start

from builder import Controller, load
from builder.errors import DatasetError


def test_every_fifth_episode_becomes_test_and_growth_moves_none(tmp_path):
    start(tmp_path / "x", episodes=10, **{"dataset.test_fraction": 0.2})
    small = load(tmp_path / "x", split="test").episode_table["episode_index"][:]
    start(tmp_path / "x", episodes=20, **{"dataset.test_fraction": 0.2})
    grown = load(tmp_path / "x", split="test").episode_table["episode_index"][:]
    assert (small, grown) == ([4, 9], [4, 9, 14, 19])


def test_the_users_notes_on_the_card_survive_growth(tmp_path):
    start(tmp_path / "x", episodes=5)
    card = tmp_path / "x/README.md"
    card.write_text(card.read_text() + "\n## Notes\n\nUsed in chapter 3.\n")
    start(tmp_path / "x", episodes=9)
    assert "Used in chapter 3." in card.read_text()


def test_the_card_of_an_own_enjoy_claims_nothing_of_who_played_nor_what_was_accepted(tmp_path):
    Controller(record).start({**CORRIDOR, "episodes": 2, "out": str(tmp_path / "x")})
    card = (tmp_path / "x/README.md").read_text()
    assert "played by an `enjoy` function of its author's own" in card
    assert "| accepted | what its author's own `enjoy` accepted |" in card
    assert "every attempt" not in card.lower()
    assert "low end" not in card


def test_an_own_collate_gets_the_folder_and_the_files_and_its_folder_gets_a_manifest(tmp_path):
    seen = []

    def collate(path, episodes):
        seen.extend(Path(episode).name for episode in episodes)
        (Path(path) / "all.txt").write_text("mine")
        return True

    Controller(record, collate).start({**CORRIDOR, "episodes": 3, "out": str(tmp_path / "x")})
    assert seen == [f"attempt-0000000{index}.safetensors" for index in range(3)]
    assert list(json.loads((tmp_path / "x/manifest.json").read_text())["files"]) == ["all.txt"]


def test_an_own_collate_that_returns_false_changes_nothing(tmp_path):
    with pytest.raises(DatasetError, match="collate returned False"):
        Controller(collate=lambda path, episodes: False).start({**CORRIDOR, "out": str(tmp_path / "x")})
    assert not (tmp_path / "x").exists()
