"""Recorded attempts and their file: bit for bit, or an error."""

import dataclasses

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import assert_same, recording, with_extras

from builder.episodes.recording import Recording, episode_returns, joined, pieces
from builder.errors import DatasetError


def test_attempts_start_where_the_one_before_ends():
    assert recording([2, 1, 3]).starts.tolist() == [0, 2, 3]


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=8))
def test_a_selection_holds_the_chosen_attempts_whole_and_in_order(plan):
    lengths, keep = [length for length, _ in plan], np.array([kept for _, kept in plan])
    whole = with_extras(recording(lengths, leaves=("f4", "i8")))
    part = whole.select(keep)
    rows = [
        row
        for index in np.flatnonzero(keep)
        for row in range(whole.starts[index], whole.starts[index] + lengths[index])
    ]
    for name in ("attempts", "seeds", "lengths", "returns", "terminated", "truncated"):
        assert getattr(part, name).tolist() == getattr(whole, name)[keep].tolist()
    assert part.rewards.tolist() == [float(row) for row in rows]
    assert part.extras["info.x"].tolist() == [row / 2 for row in rows]
    assert part.attempt_extras["info.x"].tolist() == [-float(index) for index in np.flatnonzero(keep)]
    for leaf in range(2):
        assert part.observations[leaf].tolist() == whole.observations[leaf][rows].tolist()
        assert part.finals[leaf].tolist() == whole.finals[leaf][keep].tolist()
    assert part.actions[0].tolist() == whole.actions[0][rows].tolist()


def test_a_selection_of_all_copies_nothing():
    whole = recording([2, 1])
    assert whole.select(np.array([True, True])) is whole


@pytest.mark.parametrize("name", ["seeds", "returns", "terminated", "truncated", "rewards"])
def test_arrays_that_differ_in_length_are_refused(name):
    whole = recording([2, 1])
    with pytest.raises(DatasetError, match="the arrays of a recording differ in length"):
        dataclasses.replace(whole, **{name: getattr(whole, name)[:-1]})


@pytest.mark.parametrize("name", ["observations", "actions", "finals"])
def test_leaves_that_differ_in_length_are_refused(name):
    whole = recording([2, 1])
    with pytest.raises(DatasetError, match="the arrays of a recording differ in length"):
        dataclasses.replace(whole, **{name: (getattr(whole, name)[0][:-1],)})


@pytest.mark.parametrize("name", ["extras", "attempt_extras"])
def test_extras_that_differ_in_length_are_refused(name):
    whole = with_extras(recording([2, 1]))
    with pytest.raises(DatasetError, match="the arrays of a recording differ in length"):
        dataclasses.replace(whole, **{name: {"info.x": whole.seeds[:1]}})


def test_neighbours_are_joined_with_their_extras():
    whole = with_extras(recording([2, 1, 3]))
    assert_same(joined(list(pieces(whole, 1))), whole)


def test_neighbours_of_which_one_alone_holds_extras_are_not_joined():
    with pytest.raises(
        DatasetError, match=r"the same arrays; got attempt_extras\.info\.x, extras\.action_mask"
    ):
        joined([recording([1]), with_extras(recording([2], first=1))])


@pytest.mark.parametrize("lengths", [[2, 2], [3, 0], [4, -1]])
def test_lengths_that_do_not_add_up_are_refused(lengths):
    with pytest.raises(DatasetError, match="do not add up to its steps; expected 3"):
        dataclasses.replace(recording([2, 1]), lengths=np.array(lengths))


def test_a_return_is_the_sum_of_the_rewards_in_their_order():
    """A pairwise sum of these gives another number."""
    rewards = np.full(1000, 0.1)
    in_order = 0.0
    for reward in rewards:
        in_order += reward
    assert float(rewards.sum()) != in_order
    assert episode_returns(np.concatenate([rewards, [3.0]]), np.array([1000, 1])).tolist() == [in_order, 3.0]


@given(hnp.arrays(np.float64, 7, elements=st.floats(-1e6, 1e6)))
def test_an_attempts_return_does_not_depend_on_the_attempts_before_it(rewards):
    alone = episode_returns(rewards[4:], np.array([3]))
    assert episode_returns(rewards, np.array([4, 3]))[1] == alone[0]


@pytest.mark.parametrize(("rows", "counts"), [(1, [1, 1, 1, 1]), (5, [2, 1, 1]), (6, [3, 1]), (100, [4])])
def test_pieces_are_whole_attempts_of_at_most_so_many_steps(rows, counts):
    lengths = np.array([2, 3, 1, 7])
    steps = int(lengths.sum())
    whole = Recording(
        attempts=np.arange(5, 9),
        seeds=np.arange(4),
        lengths=lengths,
        returns=np.arange(4.0),
        terminated=np.array([True, False, True, False]),
        truncated=np.zeros(4, bool),
        observations=(np.arange(2 * steps).reshape(steps, 2),),
        actions=(np.arange(steps),),
        rewards=np.arange(float(steps)),
        finals=(np.arange(8).reshape(4, 2),),
    )
    whole = with_extras(whole)
    parts = list(pieces(whole, rows))
    assert [len(part.attempts) for part in parts] == counts
    for name in ("attempts", "seeds", "lengths", "returns", "terminated", "truncated", "rewards"):
        together = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, name))
    for name in ("observations", "actions", "finals"):
        together = np.concatenate([getattr(part, name)[0] for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, name)[0])
    for name in ("extras", "attempt_extras"):
        together = np.concatenate([getattr(part, name)["info.x"] for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, name)["info.x"])
