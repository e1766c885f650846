"""What becomes of attempts, by a few numbers of each."""

import gymnasium as gym
import numpy as np
import pytest

from builder.dataset.collation import Collation
from builder.dataset.ledger import Figures, Ledger, Portion, Stream
from builder.episodes.acceptance import Acceptance
from builder.errors import DatasetError

TWO = gym.spaces.Discrete(2)


def figures(first, returns, digests=None):
    """Attempts of one step, those without a return failed."""
    returns = np.array(returns, float)
    attempts = np.arange(first, first + len(returns))
    return Figures(
        attempts=attempts,
        returns=returns,
        lengths=(~np.isnan(returns)).astype(np.int64),
        digests=np.array(attempts if digests is None else digests, np.uint64),
    )


def ledger(**plan):
    return Ledger(Collation({}, "mine", TWO, TWO, **plan))


def test_the_first_accepted_ones_are_kept_and_numbered_through():
    kept = ledger(acceptance=Acceptance(low=1.0), episodes=3)
    first = kept.admit(figures(0, [1, 0, 2]))
    second = kept.admit(figures(3, [np.nan, 5, 6]))
    assert (first.keep.tolist(), first.ordinals.tolist()) == ([True, False, True], [0, 1])
    assert (second.keep.tolist(), second.ordinals.tolist()) == ([False, True, False], [2])
    assert (kept.full, kept.attempts, kept.following) == (True, 5, 6)


def test_an_attempt_that_was_seen_before_becomes_nothing():
    kept = ledger()
    kept.admit(figures(0, [1, 1]))
    assert kept.admit(figures(1, [1, 1])).keep.tolist() == [False, True]


def test_only_the_first_of_a_kind_is_kept_where_that_is_wanted():
    kept = ledger(unique=True)
    assert kept.admit(figures(0, [1, 1, 1], [7, 7, 8])).keep.tolist() == [True, False, True]
    assert kept.admit(figures(3, [1, 1], [8, 9])).keep.tolist() == [False, True]


def test_a_copy_is_on_the_side_of_the_first_of_its_kind():
    kept = ledger(every=2)
    assert kept.admit(figures(0, [1, 1, 1, 1], [5, 6, 6, 5])).test.tolist() == [False, True, True, False]


def test_what_was_left_out_is_told_up_to_the_last_episode():
    kept = ledger(acceptance=Acceptance(low=1.0), episodes=1)
    kept.admit(figures(0, [-2, np.nan, 3, -4, np.nan]))
    manifest = kept.manifest({}, kept.copies.count(), 0)
    assert (manifest.attempts, manifest.accepted, manifest.failed) == (3, 1, 1)
    assert (manifest.rejected.count, manifest.rejected.returns) == (1, (-2.0,))


def test_too_few_are_an_error():
    kept = ledger(episodes=2)
    kept.admit(figures(0, [1]))
    with pytest.raises(DatasetError, match="expected 2; got 1"):
        kept.check_full()


def portion(lengths, first_row):
    lengths = np.array(lengths)
    return Portion("file", np.arange(len(lengths)), np.arange(len(lengths)), lengths, first_row)


def test_an_episode_across_a_border_is_taken_on_both_sides():
    stream = Stream()
    stream.add(portion([3, 4], 0))
    stream.add(portion([2, 5], 7))
    taken = [stream.take(stop) for stop in (5, 7, 8, 14)]
    assert [[(one.first_row, one.lengths.tolist()) for one in each] for each in taken] == [
        [(0, [3, 4])],
        [(3, [4])],
        [(7, [2])],
        [(7, [2, 5])],
    ]
    assert (stream.rows, stream.episodes, stream.taken) == (14, 4, 14)
