"""Which of the two formats a folder has."""

import json

import pytest

from builder.errors import DatasetError
from builder.loading.il_datasets import SeedTrajectories
from builder.loading.open import open_folder
from builder.loading.trajectories import Trajectories

ROW = {"obs": [0.5], "actions": 1, "rewards": 1.0, "episode_starts": True}


def test_a_folder_with_a_manifest_is_ours_whatever_lies_beside_it(dataset):
    folder = dataset([[1.0]])
    (folder / "teacher.jsonl").write_text(json.dumps(ROW))
    assert type(open_folder(folder)) is Trajectories


def test_a_folder_with_data_and_no_manifest_is_the_seed_projects(tmp_path):
    (tmp_path / "teacher.jsonl").write_text(json.dumps(ROW))
    assert type(open_folder(tmp_path)) is SeedTrajectories


def test_a_folder_with_neither_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match="there is no dataset at"):
        open_folder(tmp_path)
