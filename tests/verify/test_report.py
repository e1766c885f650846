"""Figures and returns of a dataset as files for other tools."""

import csv
import json

import pytest
from card_folders import inputs_of
from folders import files

from builder.errors import StorageError
from builder.verify.report import write_report

REWARDS = [[1.0, 1.0], [0.5], [3.0] * 4]


@pytest.fixture
def folder(dataset):
    return dataset(REWARDS, inputs=inputs_of("episodes=3"), every=2)


def test_returns_have_a_line_for_each_episode_in_order_whatever_its_split(folder, tmp_path):
    write_report(folder, tmp_path / "report")
    with (tmp_path / "report/returns.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["episode_index"] for line in lines] == ["0", "1", "2"]
    assert [float(line["episode_return"]) for line in lines] == [2.0, 0.5, 12.0]
    assert [int(line["length"]) for line in lines] == [2, 1, 4]


def test_metrics_are_figures_of_the_dataset(folder, tmp_path):
    write_report(folder, tmp_path / "report")
    metrics = json.loads((tmp_path / "report/metrics.json").read_text())
    assert (metrics["attempts"], metrics["acceptance_rate"], metrics["episodes"]) == (3, 1.0, 3)
    assert metrics["return"]["greatest"] == 12.0
    assert metrics["length"]["least"] == 1


def test_the_same_dataset_gives_the_same_files(folder, tmp_path):
    write_report(folder, tmp_path / "a")
    write_report(folder, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_place_that_cannot_be_written_is_a_storage_error(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_report(folder, tmp_path / "file" / "report")
