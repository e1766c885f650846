"""The note beside an export: data of whoever wrote it."""

import json

import pytest

from builder.errors import DatasetError
from builder.exchange.export import ExportRequest, export
from builder.exchange.note import carried, note_path


@pytest.fixture
def note(dataset_of, tmp_path):
    return note_path(
        export(dataset_of("start"), ExportRequest("d4rl", tmp_path / "x.hdf5")).path, folder=False
    )


def test_it_carries_spaces_environment_and_policy(note):
    found = carried(note)
    assert found.spaces.action.start == -1
    assert found.environment["id"] == "Kind-v0"
    assert found.policy == "random"


def test_there_may_be_none(tmp_path):
    assert carried(tmp_path / "none") is None


@pytest.mark.parametrize(
    "forged",
    [
        {"observation_space": {"type": "Box", "shape": [10**9], "dtype": "float64"}},
        {"inputs": {"x": 1}},
        {"fingerprint": 3},
    ],
    ids=["space", "inputs", "fingerprint"],
)
def test_a_forged_one_is_refused(note, forged):
    note.write_text(json.dumps(json.loads(note.read_text()) | forged))
    with pytest.raises(DatasetError):
        carried(note)


def test_a_note_of_somebody_else_is_none_of_ours(note):
    note.write_text("{}")
    with pytest.raises(DatasetError, match="no note"):
        carried(note)
