"""An opened split: episodes, samples, columns, in whatever process."""

import pickle

import pytest
from folders import same

from builder import load
from builder.errors import ConfigError


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
    with pytest.raises(TypeError, match="'slice' object cannot be interpreted as an integer"):
        dataset[1:3]


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
