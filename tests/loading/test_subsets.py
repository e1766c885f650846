"""A few episodes of a split: drawn, listed, divided, filtered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps import case

from builder import load
from builder.errors import ConfigError
from builder.loading.subsets import drawn


@pytest.fixture(scope="module")
def dataset(dataset_of):
    return load(dataset_of("vector"))


def numbers(view):
    return view.episode_table["episode_index"][:]


@given(st.integers(1, 60), st.integers(0, 2**32), st.data())
def test_fewer_are_among_more_and_come_in_ascending_order(count, seed, data):
    few = data.draw(st.integers(1, count))
    more = data.draw(st.integers(few, count))
    chosen = drawn(count, few, seed).tolist()
    assert len(chosen) == few
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(drawn(count, more, seed).tolist()) <= set(range(count))


def test_the_draw_is_numpys_permutation():
    """Pinned: an experiment's five demonstrations are those of another version and another machine."""
    assert drawn(100, 5, 3).tolist() == sorted(np.random.default_rng(3).permutation(100)[:5].tolist())
    assert drawn(100, 5, 3).tolist() != drawn(100, 5, 4).tolist()


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(100, 0.29, 29), (30, 0.1, 3), (10, 0.01, 1), (7, 1.0, 7), (10, 0.25, 2)]
)
def test_a_share_is_rounded_and_never_none(count, share, expected):
    assert len(drawn(count, share, 0)) == expected


def test_what_cannot_be_drawn_is_refused(dataset):
    for wanted in [0, -1, 7, True, 0.0, 1.1, -0.5, float("nan")]:
        with case(wanted), pytest.raises(ConfigError, match=r"1 to 6|\(0, 1\]"):
            dataset.subset(wanted)


def test_a_subset_is_a_view_of_the_drawn_episodes(dataset):
    view = dataset.subset(3, seed=1)
    expected = [numbers(dataset)[place] for place in drawn(6, 3, 1)]
    assert numbers(view) == expected
    assert sorted(set(view["episode_index"].tolist())) == expected
    assert numbers(dataset.subset(0.5, seed=1)) == expected
    assert set(numbers(view.subset(2, seed=5))) < set(expected)


def test_listed_episodes_come_in_the_order_of_the_list(dataset):
    stored = numbers(dataset)
    wanted = [stored[4], stored[0], stored[2]]
    assert numbers(dataset.subset(wanted)) == wanted
    assert numbers(dataset.subset(np.array(wanted))) == wanted
    assert [episode.index for episode in dataset.subset(wanted)] == [
        dataset[place].index for place in (4, 0, 2)
    ]
    assert len(dataset.subset([])) == 0


def test_an_episode_of_another_split_or_listed_twice_is_refused(dataset, dataset_of):
    other = numbers(load(dataset_of("vector"), split="test"))[0]
    with pytest.raises(ConfigError, match=f"no episode {other} in the split 'train'; expected some of its 6"):
        dataset.subset([other])
    with pytest.raises(ConfigError, match="wanted twice"):
        dataset.subset([numbers(dataset)[0]] * 2)
    with pytest.raises(ConfigError, match="no episode 0"):
        dataset[:0].subset([0])


def test_a_split_is_divided_into_two_that_share_nothing(dataset):
    first, second = dataset.divide(0.7, seed=2)
    assert (len(first), len(second)) == (4, 2)
    assert sorted(numbers(first) + numbers(second)) == numbers(dataset)
    assert numbers(first) == numbers(dataset.subset(0.7, seed=2))


@pytest.mark.parametrize("share", [0, 1, 1.0, -0.1, True, 0.99])
def test_a_division_that_leaves_nothing_is_refused(dataset, share):
    with pytest.raises(ConfigError, match=r"between 0 and 1|cannot be split"):
        dataset.divide(share)


def test_episodes_are_filtered_by_their_rows(dataset):
    returns = np.array(dataset.episode_table["episode_return"])
    expected = [
        number for number, value in zip(numbers(dataset), returns, strict=True) if value > np.median(returns)
    ]
    view = dataset.filter(lambda episode: episode["episode_return"] > np.median(returns))
    assert 0 < len(expected) < 6
    assert numbers(view) == expected
    ended = dataset.filter(lambda episode: episode["terminated"] and episode["length"] > 1)
    assert all(episode.terminations[-1] and len(episode) > 1 for episode in ended)
    assert len(dataset.filter(lambda episode: False)) == 0


def test_a_filter_of_a_view_keeps_its_order(dataset):
    assert numbers(dataset[::-1].filter(lambda episode: episode["length"] > 0)) == numbers(dataset)[::-1]


def test_a_filter_by_a_column_that_there_is_not_is_named(dataset):
    with pytest.raises(ConfigError, match="no column 'return'"):
        dataset.filter(lambda episode: episode["return"])
    with pytest.raises(ConfigError, match="no column 'final_observation'"):
        dataset.filter(lambda episode: episode["final_observation"])


def test_a_stack_of_a_subset_is_a_subset_of_the_stack(dataset):
    one, other = dataset.subset(2, seed=3).stacked(2), dataset.stacked(2).subset(2, seed=3)
    assert one["observation"].shape == (len(one["reward"]), 2, 3)
    np.testing.assert_array_equal(one["observation"], other["observation"])
