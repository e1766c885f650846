"""Statistics of normalised observations."""

import os
import pickle

import numpy as np
import pytest
from damaged import sources
from sb3_models import statistics

from builder.errors import ArchiveError, UnsafeArchiveError
from builder.experts.archive.vec_normalize import read_statistics


def test_statistics_that_announce_more_than_they_hold_are_refused(tmp_path):
    _, statistics = sources(tmp_path)
    bomb = statistics.replace(b"K\x04\x85", b"J\xff\xff\xff\x7f\x85")
    assert bomb != statistics
    with pytest.raises(ArchiveError, match=r"s\.pkl"):
        read_statistics(bomb, "s.pkl")


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_pickle_that_would_run_code_is_refused_and_not_run(tmp_path):
    marker = tmp_path / "marker"
    content = pickle.dumps({"obs_rms": Shell(marker)})
    with pytest.raises(UnsafeArchiveError, match=r"s\.pkl: .*would import 'posix\.system'"):
        read_statistics(content, "s.pkl")
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists(), "the attack does not work at all: this test shows nothing"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rms: setattr(rms, "mean", np.full(3, np.nan)), "NaN"),
        (lambda rms: setattr(rms, "var", -np.ones(3)), "negative"),
        (lambda rms: setattr(rms, "var", np.ones(2)), "do not fit"),
        (lambda rms: setattr(rms, "mean", "none"), "numpy array is missing"),
        (lambda rms: delattr(rms, "mean"), "mean or variance is missing"),
    ],
)
def test_impossible_statistics_are_refused(tmp_path, change, message):
    vector = statistics()
    change(vector.obs_rms)
    vector.save(tmp_path / "s.pkl")
    with pytest.raises(ArchiveError, match=message):
        read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")


def test_statistics_that_are_objects_instead_of_numbers_are_refused(tmp_path):
    vector = statistics()
    vector.obs_rms.mean = np.array([None, None, None])
    vector.save(tmp_path / "s.pkl")
    with pytest.raises(UnsafeArchiveError, match=r"an array of dtype 'O8'"):
        read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", pickle.dumps([1, 2]), b"\x80\x04."])
def test_other_files_are_not_statistics(content):
    with pytest.raises(ArchiveError, match=r"s\.pkl"):
        read_statistics(content, "s.pkl")
