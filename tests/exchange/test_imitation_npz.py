"""imitation's older npz file."""

from pathlib import Path

import numpy as np
import pytest

from builder.errors import DatasetError
from builder.exchange.imitation import FORMAT

LENGTHS = (2, 1, 3)


@pytest.fixture
def arrays():
    return {
        "obs": np.arange(18, dtype=np.float32).reshape(9, 2),
        "acts": np.arange(6),
        "rews": np.arange(6.0),
        "terminal": np.array([True, True, False]),
        "indices": np.cumsum(LENGTHS)[:-1],
    }


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_the_trajectories_are_those_that_were_joined(arrays, tmp_path):
    np.savez_compressed(tmp_path / "x.npz", infos=np.array([Trap(tmp_path / "m")] * 6, object), **arrays)
    came = FORMAT.read(tmp_path / "x.npz", {})
    found = list(came.trajectories())
    assert [len(one) for one in found] == [*LENGTHS]
    assert [one.ended for one in found] == [True, True, False]
    assert found[1].all_observations()[0].tolist() == [[6.0, 7.0], [8.0, 9.0]]
    assert found[2].actions[0].tolist() == [3, 4, 5]
    assert found[2].rewards.tolist() == [3.0, 4.0, 5.0]
    assert came.unsaid == {"terminated", "truncated", "seed"}
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"indices": np.array([3, 2])},
        {"indices": np.array([2, 9])},
        {"indices": np.array([2.5, 3])},
        {"terminal": np.array([True])},
        {"obs": np.zeros((8, 2))},
        {"rews": np.zeros(5)},
        {"acts": np.array(["a"] * 6)},
    ],
    ids=["back", "beyond", "half", "terminal", "obs", "rews", "texts"],
)
def test_arrays_that_do_not_fit_are_refused(changed, arrays, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays | changed)
    with pytest.raises(DatasetError):
        FORMAT.read(tmp_path / "x.npz", {})


def test_a_pickle_is_not_read(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(DatasetError, match="no npz file"):
        FORMAT.read(tmp_path / "x.pkl", {})
