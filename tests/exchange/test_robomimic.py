"""robomimic's HDF5 file, and back."""

import json

import gymnasium as gym
import h5py
import kinds
import numpy as np
import pytest
from sweeps import sweep

from builder.episodes.spaces import leaves
from builder.errors import DatasetError
from builder.exchange.contract import Source
from builder.exchange.export import ExportRequest, export
from builder.exchange.robomimic import FORMAT


def exported(folder, path):
    return export(folder, ExportRequest("robomimic", path))


def same(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)


@sweep("kind", kinds.KINDS, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, tmp_path):
    done = exported(dataset_of(kind), tmp_path / "x.hdf5")
    back = FORMAT.read(done.path, {})
    assert (back.unsaid, back.ended) == (frozenset(), False)
    sent = Source(dataset_of(kind), done.source.manifest, done.source.chosen)
    for ours, theirs in zip(sent.trajectories(), back.trajectories(), strict=True):
        same(ours.all_observations(), theirs.all_observations())
        same((*ours.actions, ours.rewards), (*theirs.actions, theirs.rewards))
        for name in ("terminated", "truncated", "seed", "policy", "split"):
            assert getattr(ours, name) == getattr(theirs, name)


def test_the_layout_is_that_of_robomimic(dataset_of, tmp_path):
    path = exported(dataset_of("dict"), tmp_path / "x.hdf5").path
    with h5py.File(path) as file:
        data = file["data"]
        assert json.loads(data.attrs["env_args"]) == {
            "env_kwargs": {"kind": "dict"},
            "env_name": "Kind-v0",
            "type": 2,
        }
        assert data.attrs["total"] == sum(data[demo].attrs["num_samples"] for demo in data)
        assert [*file["mask/valid"]] == [b"demo_6", b"demo_7"]
        demo = data["demo_0"]
        shapes = {key: demo[f"obs/{key}"].shape[1:] for key in demo["obs"]}
        assert shapes == {"count": (1,), "eye": (32, 32, 1), "position": (3,)}
        np.testing.assert_array_equal(demo["obs/position"][1:], demo["next_obs/position"][:-1])
        assert demo["actions"].shape == (demo.attrs["num_samples"], 1)


def test_the_environment_stepped_again_gives_the_arrays(dataset_of, tmp_path):
    path = exported(dataset_of("vector"), tmp_path / "x.hdf5").path
    with h5py.File(path) as file:
        for demo in file["data"].values():
            actions = demo["actions"][()]
            observed, rewards, ends = kinds.restep("vector", int(demo.attrs["seed"]), actions)
            np.testing.assert_array_equal(np.array(observed[:-1]), demo["obs/flat"])
            np.testing.assert_array_equal(np.array(observed[1:]), demo["next_obs/flat"])
            np.testing.assert_array_equal(rewards, demo["rewards"])
            assert demo["dones"][-1] == ends[0]
            assert not demo["dones"][:-1].any()


def test_a_file_of_another_says_less(dataset_of, tmp_path):
    path = exported(dataset_of("dict"), tmp_path / "x.hdf5").path
    (tmp_path / "x.hdf5.il_builder.json").unlink()
    with h5py.File(path, "a") as file:
        for demo in file["data"].values():
            for name in ("terminated", "truncated", "seed", "policy"):
                del demo.attrs[name]
            del demo["next_obs"]
    back = FORMAT.read(path, {})
    assert (back.unsaid, back.ended) == ({"terminated", "truncated", "seed", "final_observation"}, True)
    assert back.environment == {"id": "Kind-v0", "kwargs": {"kind": "dict"}, "max_episode_steps": None}
    assert [leaf.shape for leaf in leaves(back.spaces.observation)] == [(1,), (32, 32, 1), (3,)]
    assert isinstance(back.spaces.observation, gym.spaces.Dict)
    with h5py.File(path) as file:
        dones = [bool(file[f"data/demo_{number}/dones"][-1]) for number in range(8)]
    assert [one.ended for one in back.trajectories()] == dones
    assert {one.final for one in back.trajectories()} == {None}


def test_a_simulator_that_is_no_gym_is_not_ours_to_make(dataset_of, tmp_path):
    path = exported(dataset_of("vector"), tmp_path / "x.hdf5").path
    (tmp_path / "x.hdf5.il_builder.json").unlink()
    for text in ('{"env_name": "Lift", "type": 1, "env_kwargs": {}}', "{", '{"type": 2, "env_name": 3}'):
        with h5py.File(path, "a") as file:
            file["data"].attrs["env_args"] = text
        assert FORMAT.read(path, {}).environment is None


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        ("data", "no group data"),
        ("data/demo_0/actions", "obs and actions"),
        ("data/demo_0/obs/flat", "no obs"),
    ],
)
def test_what_is_missing_is_named(gone, text, dataset_of, tmp_path):
    path = exported(dataset_of("vector"), tmp_path / "x.hdf5").path
    (tmp_path / "x.hdf5.il_builder.json").unlink()
    with h5py.File(path, "a") as file:
        del file[gone]
    with pytest.raises(DatasetError, match=text):
        FORMAT.read(path, {})


def test_arrays_of_different_lengths_are_refused(dataset_of, tmp_path):
    path = exported(dataset_of("vector"), tmp_path / "x.hdf5").path
    with h5py.File(path, "a") as file:
        del file["data/demo_1/rewards"]
        file["data/demo_1/rewards"] = np.zeros(99)
    with pytest.raises(DatasetError, match="differ in length"):
        list(FORMAT.read(path, {}).trajectories())


def test_what_its_policies_cannot_take_is_said(dataset_of, tmp_path):
    for kind, what in (("vector", "action bounds"), ("choices", "action space")):
        done = exported(dataset_of(kind), tmp_path / f"{kind}.hdf5")
        assert [loss.what for loss in done.losses] == ["truncated", what]
