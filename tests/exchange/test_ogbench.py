"""OGBench's two files, and back."""

import kinds
import numpy as np
import pytest
from sweeps import sweep

from builder import load
from builder.errors import ConfigError, DatasetError, ExistsError
from builder.exchange.export import ExportRequest, export
from builder.exchange.ogbench import FORMAT

HELD = [kind for kind in kinds.KINDS if kind not in ("dict", "tuple")]


@pytest.fixture
def exported(dataset_of, tmp_path):
    return lambda kind, **wanted: export(
        dataset_of(kind), ExportRequest("ogbench", tmp_path / "x.npz", **wanted)
    )


@sweep("kind", HELD, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, exported):
    came = list(FORMAT.read(exported(kind).path, {}).trajectories())
    for split in ("train", "test"):
        episodes = [one for one in came if one.split == split]
        for episode, back in zip(load(dataset_of(kind), split=split), episodes, strict=True):
            (observations,) = back.all_observations()
            assert observations.dtype == episode.observations.dtype
            np.testing.assert_array_equal(observations, episode.observations)
            np.testing.assert_array_equal(back.actions[0], episode.actions)
            assert (back.ended, back.rewards, back.terminated, back.truncated) == (True, None, None, None)


def test_without_our_note_the_file_of_the_test_split_is_known_by_its_name(exported, tmp_path):
    path = exported("vector").path
    (tmp_path / "x.npz.il_builder.json").unlink()
    came = FORMAT.read(path, {})
    assert [one.split for one in came.trajectories()] == ["train"] * 6 + ["test"] * 2
    assert came.files == (path, tmp_path / "x-val.npz")
    assert came.unsaid == {"reward", "terminated", "truncated", "seed"}


def test_the_same_dataset_gives_the_same_bytes(dataset_of, tmp_path):
    for name in "ab":
        export(dataset_of("image"), ExportRequest("ogbench", tmp_path / f"{name}.npz"))
    for ending in (".npz", "-val.npz"):
        assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_the_second_file_goes_when_a_later_export_has_none(exported, tmp_path):
    exported("vector")
    exported("vector", split="train", overwrite=True)
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["x.npz"]


def test_a_second_file_of_somebody_else_is_never_replaced(exported, tmp_path):
    (tmp_path / "x-val.npz").write_text("mine")
    with pytest.raises(ExistsError, match="has not made it"):
        exported("vector", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x-val.npz"]


def test_a_split_alone_lies_in_the_file_itself(exported, tmp_path):
    came = FORMAT.read(exported("vector", split="test").path, {})
    assert [one.split for one in came.trajectories()] == ["test"] * 2


def test_nested_observations_are_refused(exported):
    with pytest.raises(ConfigError, match="one array"):
        exported("dict")


def test_a_link_in_the_place_of_the_second_file_is_refused(exported, tmp_path, tmp_path_factory):
    path = exported("vector").path
    secret = tmp_path_factory.mktemp("elsewhere") / "x.npz"
    secret.write_bytes(path.read_bytes())
    (tmp_path / "x-val.npz").unlink()
    (tmp_path / "x-val.npz").symlink_to(secret)
    with pytest.raises(DatasetError, match="link that leads out"):
        FORMAT.read(path, {})


@pytest.mark.parametrize(
    "changed",
    [
        {"terminals": np.zeros(6, bool)},
        {"terminals": np.array([0, 0, 1, 1, 0, 1], bool)},
        {"terminals": np.zeros((6, 1), bool)},
        {"actions": np.zeros((5, 1))},
        {"observations": np.array(3.0)},
        {"observations": np.array(["a"] * 6)},
    ],
    ids=["no end", "no step", "shape", "length", "scalar", "text"],
)
def test_arrays_that_do_not_fit_are_refused(changed, tmp_path):
    arrays = {
        "observations": np.zeros((6, 2)),
        "actions": np.zeros((6, 1)),
        "terminals": np.array([0, 0, 1, 0, 0, 1], bool),
    }
    np.savez(tmp_path / "x.npz", **arrays)
    assert [len(one) for one in FORMAT.read(tmp_path / "x.npz", {}).trajectories()] == [2, 2]
    np.savez(tmp_path / "x.npz", **arrays | changed)
    with pytest.raises(DatasetError):
        list(FORMAT.read(tmp_path / "x.npz", {}).trajectories())
