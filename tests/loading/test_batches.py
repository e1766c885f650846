"""Every step once per epoch, in exact dtypes, in an order that the seed decides, in memory or streamed."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from sweeps import sweep

from builder import build, load
from builder.dataset import writer
from builder.errors import ConfigError, DatasetError

ROW_GROUP = 64
LITTLE = 20_000
"""Bytes: four row groups of CartPole's steps of 66 bytes, of about a dozen."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """About 800 steps in row groups of 64, each in a file of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "row_group_rows", lambda schema, most: ROW_GROUP)
        patch.setattr(writer, "uncompressed_size", lambda table: 10**9)
        out = tmp_path_factory.mktemp("batches") / "x"
        build(expert="random", episodes=40, out=str(out), **{"env.id": "CartPole-v1"})
    return out


@pytest.fixture(scope="module")
def nested(tmp_path_factory):
    out = tmp_path_factory.mktemp("batches") / "nested"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "row_group_rows", lambda schema, most: 4)
        build(expert="random", episodes=12, out=str(out), **{"env.id": "Nested-v0"})
    return out


def joined(batches):
    batches = list(batches)
    return {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}


def steps_of(columns):
    """Where each step of the stored order is in an epoch."""
    key = columns["episode_index"] * 1000 + columns["step_index"]
    return np.argsort(key, kind="stable")


@pytest.mark.parametrize("memory", [2**30, LITTLE, 1])
@sweep("seed", [None, 0, 7], quick=2)
@sweep("which", ["folder", "nested"])
def test_an_epoch_has_every_step_once_whatever_the_memory(which, seed, memory, request):
    dataset = load(request.getfixturevalue(which))
    expected = dataset.arrays()
    found = joined(dataset.batches(32, seed=seed, memory=memory))
    order = steps_of(found) if seed is not None else slice(None)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        assert np.array_equal(found[name][order], values), name


@pytest.mark.parametrize("memory", [2**30, LITTLE])
def test_the_seed_decides_the_order(folder, memory):
    first, same, other = (
        joined(load(folder).batches(32, seed=seed, memory=memory, columns=["episode_index", "step_index"]))
        for seed in (1, 1, 2)
    )
    assert all(np.array_equal(first[name], same[name]) for name in first)
    assert not np.array_equal(first["step_index"], other["step_index"])


def test_the_order_in_memory_is_numpys_permutation(folder):
    """Pinned: an epoch of today is that of another version and another machine."""
    rows = load(folder).arrays()["step_index"]
    found = joined(load(folder).batches(32, seed=3, columns=["step_index"]))["step_index"]
    assert np.array_equal(found, rows[np.random.default_rng(3).permutation(len(rows))])


def test_a_streamed_shuffle_mixes_the_row_groups_that_fit_and_draws_them_by_chance(folder):
    first = joined(load(folder).batches(ROW_GROUP, seed=0, memory=LITTLE))
    stored = np.argsort(steps_of(first))  # which of the stored steps comes first, second, ...
    window = stored[: 4 * ROW_GROUP] // ROW_GROUP
    assert len(set(window)) == 4
    assert sorted(set(window)) != [0, 1, 2, 3]
    assert (np.diff(window) != 0).mean() > 0.5


def test_batches_have_the_size_that_is_asked_for_but_for_the_last(folder):
    rows = len(load(folder).arrays()["reward"])
    for memory in (2**30, LITTLE):
        sizes = [len(batch["reward"]) for batch in load(folder).batches(60, seed=0, memory=memory)]
        assert sizes == [60] * (rows // 60) + [rows % 60]
        whole = [len(batch["reward"]) for batch in load(folder).batches(60, memory=memory, drop_last=True)]
        assert whole == [60] * (rows // 60)


def test_columns_can_be_chosen_and_the_leaves_of_a_dict_come_one_by_one(nested):
    batch = next(load(nested).batches(3, columns=["observation", "action"]))
    assert {name: (values.dtype, tuple(values.shape)) for name, values in batch.items()} == {
        "observation.at": (torch.int64, (3,)),
        "observation.view": (torch.uint8, (3, 4, 5, 3)),
        "action.0": (torch.int64, (3,)),
        "action.1": (torch.float32, (3, 2)),
    }


def test_steps_in_memory_are_read_once(folder, monkeypatch):
    dataset = load(folder)
    first = joined(dataset.batches(32, seed=0))
    monkeypatch.setattr("builder.loading.batches.ParquetReader._part", None)
    again = joined(dataset.batches(32, seed=0))
    assert np.array_equal(first["observation"], again["observation"])


def test_batches_do_not_share_what_is_kept_for_the_next_epoch(folder):
    dataset = load(folder)
    for batch in dataset.batches(32):
        batch["observation"].zero_()
    assert joined(dataset.batches(32))["observation"].any()


@pytest.mark.parametrize("memory", [2**30, 1])
@pytest.mark.parametrize("seed", [None, 5])
@sweep("frames", [1, 3, 6])
def test_stacks_are_the_same_in_batches_across_row_groups(nested, frames, seed, memory):
    dataset = load(nested).stacked(frames)
    expected = dataset.arrays()
    found = joined(dataset.batches(7, seed=seed, memory=memory))
    order = steps_of(found)
    for name, values in expected.items():
        assert np.array_equal(found[name][order], values), name
    assert set(next(dataset.batches(2, columns=["observation"]))) == {"observation.at", "observation.view"}


class Matrix(gym.Env):
    """Observations of rank 2, two steps an episode."""

    observation_space = gym.spaces.Box(-1, 1, (2, 3), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return self.observe(), {}

    def step(self, action):
        self.at += 1
        return self.observe(), 1.0, self.at == 2, False, {}

    def observe(self):
        return self.np_random.uniform(-1, 1, (2, 3)).astype(np.float32)


def test_arrays_of_higher_rank_keep_their_shape(tmp_path):
    gym.register("Matrix-v0", entry_point=Matrix, max_episode_steps=5)
    dataset = build(expert="random", episodes=5, out=str(tmp_path / "x"), **{"env.id": "Matrix-v0"})
    gym.registry.pop("Matrix-v0")
    found = joined(dataset.batches(3, columns=["observation"]))["observation"]
    assert found.shape == (10, 2, 3)
    assert np.array_equal(found, dataset.arrays()["observation"])


def test_a_dataset_of_the_seed_project_has_batches_too(tmp_path):
    import datasets

    columns = {
        "obs": np.arange(12, dtype=np.float32).reshape(6, 2),
        "actions": np.arange(6),
        "rewards": np.ones(6),
        "episode_starts": [True, False, False, True, False, False],
    }
    datasets.Dataset.from_dict(columns).to_parquet(tmp_path / "train.parquet")
    batches = list(load(tmp_path).batches(4, columns=["observation", "action"]))
    assert [batch["action"].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5]]
    assert batches[1]["observation"].tolist() == [[8.0, 9.0], [10.0, 11.0]]


def test_what_cannot_be_given_is_refused(folder, tmp_path):
    dataset = load(folder)
    with pytest.raises(ConfigError, match="at least 1"):
        dataset.batches(0)
    with pytest.raises(ConfigError, match=r"no column 'observations'.*observation"):
        dataset.batches(1, columns=["observations"])
    with pytest.raises(ConfigError, match="at least one column"):
        dataset.batches(1, columns=[])


def test_a_damaged_file_is_a_dataset_error(folder, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = min((copy / "data").iterdir())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="cannot be read"):
        load(copy).batches(4)


def test_gymnasium_is_not_needed_to_know_the_environment(nested):
    """The spaces come from the manifest: an environment that is not registered here can be read."""
    spec = gym.registry.pop("Nested-v0")
    try:
        assert joined(load(nested).batches(4))["observation.at"].dtype == np.int64
    finally:
        gym.registry["Nested-v0"] = spec
