"""What the card is computed from."""

import json
from pathlib import Path

import pytest
from card_folders import REWARDS, inputs_of

from builder.card import render_card, write_card
from builder.errors import DatasetError
from builder.manifest.manifest import MANIFEST


def test_figures_that_contradict_the_manifest_are_refused(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    content = json.loads((folder / MANIFEST).read_text())
    content["splits"]["train"]["rows"] = 15
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="5 episodes and 15 steps in 'train'; got 5 and 16"):
        render_card(folder)


def test_a_manifest_without_the_keys_of_a_build_is_refused(dataset):
    folder = dataset(
        REWARDS, inputs={"config": {"seed": 0}, "expert": {"name": 1}, "environment": {"id": "x"}}
    )
    with pytest.raises(DatasetError, match=r"\$\.inputs: 'packages' is a required property"):
        render_card(folder)


def test_a_folder_without_a_dataset_is_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match="there is no dataset at"):
        write_card(tmp_path)
    assert not list(tmp_path.iterdir())
