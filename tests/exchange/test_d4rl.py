"""D4RL's flat file, and back."""

import shutil

import h5py
import kinds
import numpy as np
from sweeps import sweep

from builder import load
from builder.card import keep_reference
from builder.episodes.spaces import leaves
from builder.exchange.d4rl import FORMAT
from builder.exchange.export import ExportRequest, export
from builder.manifest.scores import ReferenceScores

FLAT = [kind for kind in kinds.KINDS if kind not in ("dict", "tuple")]


@sweep("kind", FLAT, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, tmp_path):
    path = export(dataset_of(kind), ExportRequest("d4rl", tmp_path / "x.hdf5")).path
    came = list(FORMAT.read(path, {}).trajectories())
    for split in ("train", "test"):
        recorded = load(dataset_of(kind), split=split)
        for episode, back in zip(recorded, [one for one in came if one.split == split], strict=True):
            (leaf,) = leaves(recorded.manifest.spaces.observation)
            (all_of_them,) = back.all_observations()
            assert all_of_them.dtype == leaf.dtype
            np.testing.assert_array_equal(all_of_them, episode.observations)
            np.testing.assert_array_equal(back.actions[0], episode.actions)
            np.testing.assert_array_equal(back.rewards, episode.rewards)
            assert (back.terminated, back.truncated) == (episode.terminations[-1], episode.truncations[-1])
            assert back.seed == episode.seed


def test_the_environment_stepped_again_gives_the_arrays(dataset_of, tmp_path):
    path = export(dataset_of("vector"), ExportRequest("d4rl", tmp_path / "x.hdf5", split="train")).path
    with h5py.File(path) as file:
        data = {name: file[name][()] for name in ("observations", "actions", "next_observations", "rewards")}
        ends = np.flatnonzero(file["terminals"][()] | file["timeouts"][()]) + 1
        seeds = file["metadata/seeds"][()]
    for seed, start, stop in zip(seeds, [0, *ends[:-1]], ends, strict=True):
        observed, rewards, _ = kinds.restep("vector", int(seed), data["actions"][start:stop])
        np.testing.assert_array_equal(np.array(observed[:-1]), data["observations"][start:stop])
        np.testing.assert_array_equal(np.array(observed[1:]), data["next_observations"][start:stop])
        np.testing.assert_array_equal(rewards, data["rewards"][start:stop])


def test_a_file_of_old_without_timeouts_is_read_and_says_what_that_means(tmp_path):
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["observations"], file["actions"] = np.zeros((6, 3), "f4"), np.zeros((6, 1), "f4")
        file["rewards"], file["terminals"] = np.ones(6, "f4"), np.arange(6) == 3
        file["infos/qpos"], file["metadata/algorithm"] = np.zeros((6, 2)), np.bytes_("SAC")
    came = FORMAT.read(tmp_path / "x.hdf5", {})
    assert came.unsaid == {"truncated", "final_observation", "seed"}
    assert [(len(one), one.terminated, one.truncated) for one in came.trajectories()] == [
        (4, True, None),
        (2, False, None),
    ]
    assert "runs on into the next" in came.notes[0]


def test_reference_scores_are_attributes_by_the_names_of_d4rl_and_come_back(dataset_of, tmp_path):
    shutil.copytree(dataset_of("vector"), tmp_path / "x")
    keep_reference(tmp_path / "x", ReferenceScores(-1.5, 7.0, "a test"))
    path = export(tmp_path / "x", ExportRequest("d4rl", tmp_path / "x.hdf5")).path
    with h5py.File(path) as file:
        assert dict(file.attrs) == {"ref_min_score": -1.5, "ref_max_score": 7.0}
    source = "ref_min_score and ref_max_score of the file"
    assert FORMAT.read(path, {}).reference == ReferenceScores(-1.5, 7.0, source)
    plain = export(dataset_of("vector"), ExportRequest("d4rl", tmp_path / "y.hdf5")).path
    assert FORMAT.read(plain, {}).reference is None
