"""Datasets of LeRobot's in repositories."""

import pytest
from huggingface_hub import DatasetCard
from opening_lines import undefined

from builder.exchange.contract import Source
from builder.exchange.lerobot.published import published
from builder.manifest.manifest import read_manifest


@pytest.fixture
def place(dataset_of):
    folder = dataset_of("vector")
    source = Source(folder, read_manifest(folder), {"train": [0]})
    return published(source, {"fps": 30, "task": "", "file_mb": 100}, "user/name")


@pytest.mark.slow
def test_it_is_the_whole_repository_at_the_tag_of_its_version(place):
    assert (place.within, place.tag) == ("", "v3.0")
    assert place.opened.endswith('import LeRobotDataset; dataset = LeRobotDataset("user/name")')
    assert undefined(place.opened) == set()


def test_its_card_is_one_that_the_hub_reads(place):
    card = DatasetCard(place.shared["README.md"](None).decode())
    assert card.data.task_categories == ["robotics"]
    assert "LeRobot" in card.data.tags
    assert card.data.configs == [{"config_name": "default", "data_files": "data/*/*.parquet"}]
    assert "1 episodes of `Kind-v0`" in card.text


def test_notes_stay_and_the_rest_is_written_anew(place):
    card = place.shared["README.md"]
    noted = card(b"old\n\n## Notes\n\nMine.\n")
    assert noted == card(None) + b"\n## Notes\n\nMine.\n"
    assert card(noted) == noted
