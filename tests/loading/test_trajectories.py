"""An opened split: episodes, samples, columns, in whatever process."""

import pickle

import numpy as np
import pytest
import torch
from folders import same
from hypothesis import given
from hypothesis import strategies as st
from sweeps import sweep

from builder import Trajectories, build, load
from builder.dataset import writer
from builder.errors import ConfigError
from builder.loading.batches import MEMORY

BOUNDS = st.none() | st.integers(-10, 10)
SLICES = st.builds(slice, BOUNDS, BOUNDS, st.none() | st.integers(-4, 4).filter(bool))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Seven episodes of a Dict space in row groups of four steps, each in a file of its own."""
    out = tmp_path_factory.mktemp("views") / "x"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "row_group_rows", lambda schema, most: 4)
        patch.setattr(writer, "uncompressed_size", lambda table: 10**9)
        build(expert="random", env={"id": "Nested-v0"}, episodes=7, out=str(out))
    return load(out)


def joined(batches):
    batches = list(batches)
    return {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}


def rows_of(arrays, indices):
    """The rows of some episodes, one after the other."""
    rows = [np.flatnonzero(arrays["episode_index"] == index) for index in indices]
    return np.concatenate([np.empty(0, int), *rows])


def test_episodes_one_episode_and_a_sample_agree(folder):
    dataset = load(folder)
    episodes = list(dataset.episodes())
    assert len(episodes) == len(dataset) == 16
    assert [episode.index for episode in dataset] == [episode.index for episode in episodes]
    assert dataset.episode(-1).index == dataset[-1].index == episodes[-1].index
    sampled = [episode.index for episode in dataset.sample(5, seed=3)]
    assert sampled == [episode.index for episode in dataset.sample_episodes(5, seed=3)]
    assert len(set(sampled)) == 5


def test_an_episode_that_there_is_not_is_named(folder):
    dataset = load(folder)
    for index in (16, -17):
        with pytest.raises(IndexError, match=f"there is no episode {index}: train has 16"):
            dataset.episode(index)
    with pytest.raises(IndexError, match="there is no episode 2: train has 2"):
        dataset[1:3][2]
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        dataset[1.0]


def test_a_loaded_dataset_goes_to_other_processes(folder):
    dataset = load(folder)
    dataset.arrays()
    copy = pickle.loads(pickle.dumps(dataset))
    assert same(copy.arrays(), dataset.arrays())
    assert (repr(copy), copy.manifest) == (repr(dataset), dataset.manifest)


def test_tables_are_memory_mapped(folder):
    dataset = load(folder)
    assert dataset.transitions.cache_files
    assert dataset.episode_table.cache_files


def test_a_split_that_there_is_not_is_named(folder):
    with pytest.raises(ConfigError, match="has no split 'tset'; did you mean 'test'"):
        load(folder, split="tset")


@given(SLICES, SLICES)
def test_a_view_and_a_view_of_it_hold_what_a_list_would(small, first, second):
    expected = list(range(7))[first][second]
    view = small[first][second]
    assert len(view) == len(expected)
    assert view.episode_table["episode_index"][:] == expected
    assert [episode.index for episode in view] == [small[index].index for index in expected]


@pytest.mark.slow
@given(SLICES)
def test_the_steps_of_a_view_are_those_of_its_episodes_in_their_order(small, chosen):
    arrays = small.arrays()
    rows = rows_of(arrays, list(range(7))[chosen])
    view = small[chosen]
    assert same(view.arrays(), {name: values[rows] for name, values in arrays.items()})
    assert view.transitions["reward"][:] == arrays["reward"][rows].tolist()
    for name in ("reward", "observation.view"):
        np.testing.assert_array_equal(view[name], arrays[name][rows])


@pytest.mark.parametrize("memory", [MEMORY, 500, 1])
@sweep("frames", [None, 3])
@sweep("chosen", [slice(2, 6), slice(None, None, -2), slice(1, 2)], quick=2)
def test_batches_of_a_view_hold_its_steps_once_in_memory_or_streamed(small, chosen, frames, memory):
    view = small[chosen] if frames is None else small.stacked(frames)[chosen]
    expected = view.arrays()
    stored, shuffled = (joined(view.batches(3, seed=seed, memory=memory)) for seed in (None, 1))
    assert same(stored, expected)
    place = {
        (e, s): row
        for row, (e, s) in enumerate(zip(expected["episode_index"], expected["step_index"], strict=True))
    }
    rows = [place[key] for key in zip(shuffled["episode_index"], shuffled["step_index"], strict=True)]
    assert sorted(rows) == list(range(len(rows))) == list(range(len(expected["reward"])))
    assert same(shuffled, {name: values[rows] for name, values in expected.items()})


def test_stacks_of_a_view_reach_back_to_the_beginning_of_its_episodes_alone(small):
    whole = small.stacked(4).arrays()
    rows = rows_of(whole, [5, 3, 1])
    for view in (small[5:0:-2].stacked(4), small.stacked(4)[5:0:-2]):
        assert same(view.arrays(), {name: values[rows] for name, values in whole.items()})
        np.testing.assert_array_equal(view["observation.at"], whole["observation.at"][rows])


def test_an_empty_view_is_empty(small):
    view = small[4:4]
    assert list(view) == list(view.batches(4)) == list(view.batches(4, seed=0, memory=1)) == []
    assert {name: len(values) for name, values in view.arrays().items()} == dict.fromkeys(small.arrays(), 0)


def test_a_view_keeps_no_batches_of_another_and_leaves_the_whole_as_it_was(small):
    whole = joined(small.batches(4, columns=["episode_index"]))["episode_index"]
    assert set(joined(small[2:4].batches(4, columns=["episode_index"]))["episode_index"]) == {2, 3}
    np.testing.assert_array_equal(joined(small.batches(4, columns=["episode_index"]))["episode_index"], whole)
    assert len(small) == 7


def test_a_view_goes_to_other_processes(small):
    view = small[1:4]
    view.arrays()
    assert same(pickle.loads(pickle.dumps(view)).arrays(), view.arrays())


def test_a_column_is_read_alone(small):
    read = []

    class Watched(Trajectories):
        def _columns(self, names):
            read.extend(names)
            return super()._columns(names)

    reward = Watched(small.folder)["reward"]
    np.testing.assert_array_equal(reward, small.arrays()["reward"])
    assert read == ["reward"]


def test_a_column_that_there_is_not_or_that_is_several_is_named(small):
    with pytest.raises(ConfigError, match="no column 'rewards'; did you mean 'reward'"):
        small["rewards"]
    with pytest.raises(
        ConfigError,
        match=r"'observation' is not one array; ask for one of 'observation.at', 'observation.view'",
    ):
        small["observation"]
    with pytest.raises(ConfigError, match=r"'observation.nose' is not one array"):
        small["observation.nose"]


def test_what_was_read_for_batches_stays_here(small):
    view = small[1:4]
    size = len(pickle.dumps(view))
    for shape in ({}, {"window": 2}, {"columns": ["observation", "next_observation"]}):
        next(view.batches(4, **shape))
        copy = pickle.loads(pickle.dumps(view))
        assert len(pickle.dumps(view)) < size + 5000
        assert same(joined(copy.batches(4, **shape)), joined(view.batches(4, **shape)))
