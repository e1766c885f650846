"""The file of d3rlpy's ReplayBuffer, and back."""

import h5py
import kinds
import numpy as np
import pytest
from sweeps import sweep

from builder import load
from builder.episodes.spaces import leaves
from builder.errors import ConfigError, DatasetError
from builder.exchange.d3rlpy import FORMAT
from builder.exchange.export import ExportRequest, export

HELD = [kind for kind in kinds.KINDS if kind not in ("dict", "plane")]


@sweep("kind", HELD, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, tmp_path):
    path = export(dataset_of(kind), ExportRequest("d3rlpy", tmp_path / "x.h5")).path
    came = list(FORMAT.read(path, {}).trajectories())
    for split in ("train", "test"):
        recorded = load(dataset_of(kind), split=split)
        observed = leaves(recorded.manifest.spaces.observation)
        for episode, back in zip(recorded, [one for one in came if one.split == split], strict=True):
            for leaf, values in zip(observed, back.observations, strict=True):
                assert values.dtype == leaf.dtype
                np.testing.assert_array_equal(values, leaf.pick(episode.observations)[:-1])
            np.testing.assert_array_equal(back.actions[0], episode.actions)
            np.testing.assert_array_equal(back.rewards, episode.rewards.astype(np.float32))
            assert (back.terminated, back.truncated) == (episode.terminations[-1], episode.truncations[-1])
            assert back.final is None


def test_a_file_without_our_note_has_spaces_of_its_arrays(dataset_of, tmp_path):
    path = export(dataset_of("start"), ExportRequest("d3rlpy", tmp_path / "x.h5")).path
    (tmp_path / "x.h5.il_builder.json").unlink()
    came = FORMAT.read(path, {})
    assert came.spaces.action.shape == (1,)
    assert came.spaces.observation.dtype == np.float32
    assert next(came.trajectories()).actions[0].shape[1:] == (1,)


def test_the_losses_name_the_final_observation_and_the_rewards(dataset_of, tmp_path):
    done = export(dataset_of("start"), ExportRequest("d3rlpy", tmp_path / "x.h5"))
    named = {loss.what for loss in done.losses}
    assert named == {"final_observation", "reward", "truncated", "start", "policy", "seed", "split"}


@pytest.mark.parametrize("kind", ["dict", "plane"])
def test_what_d3rlpy_has_no_array_for_is_refused(kind, dataset_of, tmp_path):
    with pytest.raises(ConfigError, match="d3rlpy holds"):
        export(dataset_of(kind), ExportRequest("d3rlpy", tmp_path / "x.h5"))


@pytest.mark.parametrize("name", ["version", "num_episodes", "actions_3", "rewards_0", "observations_2"])
def test_a_file_without_a_part_is_refused(name, dataset_of, tmp_path):
    path = export(dataset_of("vector"), ExportRequest("d3rlpy", tmp_path / "x.h5")).path
    with h5py.File(path, "a") as file:
        del file[name]
    with pytest.raises(DatasetError):
        list(FORMAT.read(path, {}).trajectories())


@pytest.mark.parametrize("count", [0, -1, 10**12, 9])
def test_a_number_of_episodes_that_are_not_there_is_refused(count, dataset_of, tmp_path):
    path = export(dataset_of("vector"), ExportRequest("d3rlpy", tmp_path / "x.h5")).path
    with h5py.File(path, "a") as file:
        file["num_episodes"][()] = count
    with pytest.raises(DatasetError, match="does not hold the episodes"):
        FORMAT.read(path, {})
