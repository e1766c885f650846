"""Rows of all lanes: room for more, and an order by attempt."""

from gymnasium.spaces import Discrete

from builder.episodes.spaces import leaves
from builder.rollout.log import FIRST_ROWS, RowLog


def log_of(attempts):
    log = RowLog(leaves(Discrete(9)), leaves(Discrete(9)))
    log.rows = len(attempts)
    log.attempts[: log.rows] = attempts
    return log


def test_rows_are_kept_when_the_arrays_grow():
    log = log_of([3, 4])
    log.reserve(FIRST_ROWS)
    assert len(log.rewards) == len(log.observations[0]) == 2 * FIRST_ROWS
    assert log.attempts[:2].tolist() == [3, 4]


def test_masks_are_kept_when_the_arrays_grow():
    log = RowLog(leaves(Discrete(9)), leaves(Discrete(2)), choices=2)
    log.masks[0] = True, False
    log.rows = 1
    log.reserve(2 * FIRST_ROWS)
    assert log.masks.shape == (len(log.rewards), 2)
    assert log.masks[0].tolist() == [True, False]


def test_pictures_are_kept_when_the_arrays_grow():
    log = RowLog(leaves(Discrete(9)), leaves(Discrete(2)), pixels=(2, 3))
    log.pixels[0], log.rows = 7, 1
    log.reserve(2 * len(log.rewards))
    assert log.pixels.shape == (len(log.rewards), 2, 3, 3)
    assert (log.pixels[0] == 7).all()


def test_the_order_is_by_attempt_and_then_as_played():
    assert log_of([2, 1, 2, 1]).order().tolist() == [1, 3, 0, 2]


def test_dropped_attempts_have_no_rows_and_may_be_played_again():
    log = log_of([2, 1, 2, 1])
    log.drop([2])
    assert log.order().tolist() == [1, 3]
    log.attempts[4], log.rows = 2, 5
    assert log.order().tolist() == [1, 3, 4]
