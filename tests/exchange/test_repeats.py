"""What is said of imported episodes that the environment is asked to repeat."""

import pytest

from builder import load
from builder.exchange.export import ExportRequest, export
from builder.exchange.importing import ImportRequest, import_


@pytest.fixture
def exported(dataset_of, tmp_path):
    return export(dataset_of("vector"), ExportRequest("d4rl", tmp_path / "x.hdf5")).path


def test_all_of_them_are_said_to_be_repeated(exported, tmp_path):
    out = import_(ImportRequest("d4rl", exported), tmp_path / "back").out
    assert load(out).manifest.notes == (
        "8 of the 8 episodes that were stepped again are repeated bit for bit by Kind-v0 of gymnasium 1.4.0",
    )


def test_nothing_is_said_where_nothing_was_tried(exported, tmp_path):
    out = import_(ImportRequest("d4rl", exported, replay=False), tmp_path / "back").out
    assert load(out).manifest.notes == ()
