"""Whose turn it is: as often and as long as was asked for, each attempt by itself."""

import numpy as np

from builder.episodes.context import Context
from builder.episodes.switch import Switch
from builder.rollout.turns import Turns


def turns(switch, steps, attempts=range(1)):
    """Bool [steps, attempts]."""
    found = Turns(switch)
    lanes = list(range(len(attempts)))
    for lane, attempt in enumerate(attempts):
        found.begin(lane, Context(attempt))
    return np.stack([found.others(lanes) for _ in range(steps)])


def test_steps_alone_are_the_first_ones_of_each_attempt():
    found = turns(Switch("random", (2, 5)), 12, range(200))
    lengths = found.sum(axis=0)
    assert {*lengths.tolist()} == {2, 3, 4, 5}
    for attempt, length in enumerate(lengths):
        assert found[:length, attempt].all()


def test_a_probability_alone_is_drawn_at_each_step():
    found = turns(Switch("random", None, 0.3), 5000)[:, 0]
    assert abs(found.mean() - 0.3) < 0.03
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.05
    assert not turns(Switch("random", None, 0.0), 50).any()
    assert turns(Switch("random", None, 1.0), 50).all()


def test_both_give_stretches_that_begin_by_chance():
    found = turns(Switch("random", (3, 3), 0.1), 3000)[:, 0]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], found.astype(int), [0]])))
    lengths = np.diff(edges)[::2]
    assert (lengths[:-1] % 3 == 0).all()
    assert 0.1 < found.mean() < 0.4


def test_an_attempt_has_its_turns_on_whatever_lane_with_whomever():
    switch = Switch("random", (1, 4), 0.2)
    many = turns(switch, 60, range(5))
    for attempt in range(5):
        np.testing.assert_array_equal(many[:, attempt], turns(switch, 60, [attempt])[:, 0])
    assert (many[:, 0] != many[:, 1]).any()
