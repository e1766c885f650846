"""How attempts end: what failed has no steps, and every error says where."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Tuple

from builder.episodes.recording import flat
from builder.episodes.spaces import leaves
from builder.errors import ExpertError, NotANumberError, NotFiniteError, RolloutError, SpaceError
from builder.rollout.log import RowLog
from builder.rollout.outcomes import Outcome, Place, not_numbers, placed, record, rejectable

OBSERVED = leaves(Box(-np.inf, np.inf, (1,), np.float64))
DONE = leaves(Discrete(9))


def played(steps, rewards=None, values=None):
    """A log of rows that belong to these attempts, in the order of play."""
    log = RowLog(OBSERVED, DONE)
    log.rows = len(steps)
    log.attempts[: log.rows] = steps
    log.rewards[: log.rows] = np.arange(log.rows) if rewards is None else rewards
    log.observations[0][: log.rows, 0] = np.arange(log.rows) if values is None else values
    log.actions[0][: log.rows] = 1
    return log


def outcomes(attempts, **failures):
    return {
        attempt: Outcome(
            seed=10 * attempt,
            terminated=True,
            final=(np.full(1, 100.0 + attempt),),
            failure=failures.get(f"a{attempt}", ""),
        )
        for attempt in attempts
    }


def test_steps_of_all_lanes_are_put_together_by_attempt():
    recording = record(played([5, 6, 5, 6, 6]), outcomes(range(5, 7)), range(5, 7))
    assert recording.lengths.tolist() == [2, 3]
    assert recording.rewards.tolist() == [0, 2, 1, 3, 4]
    assert recording.returns.tolist() == [2, 8]
    assert recording.finals[0].tolist() == [[105], [106]]


def test_of_a_failed_attempt_nothing_counts():
    recording = record(played([5, 6, 5, 6, 6]), outcomes(range(5, 8), a6="x", a7="y"), range(5, 8))
    assert recording.lengths.tolist() == [2, 0, 0]
    assert recording.rewards.tolist() == [0, 2]
    np.testing.assert_array_equal(recording.returns, [2, np.nan, np.nan])
    assert recording.terminated.tolist() == [True, False, False]
    assert recording.finals[0].tolist() == [[105], [0], [0]]
    assert recording.seeds.tolist() == [50, 60, 70]


def test_a_recording_does_not_tell_when_an_attempt_failed():
    early = record(played([5, 6, 5]), outcomes(range(5, 7), a6="x"), range(5, 7))
    late = record(played([5, 6, 5, 6], [0, 1, 2, 3]), outcomes(range(5, 7), a6="other"), range(5, 7))
    for one, other in zip(flat(early).values(), flat(late).values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("values", "rewards", "final", "message"),
    [
        ([0, np.nan, 2, np.nan], None, 1, "x gave an observation that is not a number in attempt 5, step 1"),
        (None, [0, 1, np.nan, 3], 1, "x gave a reward that is not a number in attempt 5, step 2"),
        (
            [0, 1, 2, np.nan],
            [0, np.nan, 2, 3],
            1,
            "x gave a reward that is not a number in attempt 5, step 1",
        ),
        (None, None, np.nan, "x gave an observation that is not a number in attempt 5, step 4"),
    ],
)
def test_the_first_nan_of_an_attempt_is_named_also_after_its_last_step(values, rewards, final, message):
    found = outcomes(range(5, 6))
    found[5].final = (np.full(1, final),)
    (error,) = not_numbers(
        record(played([5] * 4, rewards, values), found, range(5, 6)), "x gave", infinite=False
    ).values()
    assert isinstance(error, NotANumberError)
    assert str(error).startswith(f"{message} (seed 50); NaN is refused")


@pytest.mark.parametrize(
    ("values", "rewards", "final", "message"),
    [
        ([0, -np.inf], None, 1, "x gave an infinite observation in attempt 5, step 1 (seed 50); rollout."),
        (None, [np.inf, np.nan], 1, "x gave an infinite reward in attempt 5, step 0"),
        ([0, np.inf], [np.nan, 1], 1, "x gave a reward that is not a number in attempt 5, step 0"),
        (None, None, np.inf, "x gave an infinite observation in attempt 5, step 2"),
    ],
)
def test_infinities_are_errors_unless_they_are_to_be_recorded(values, rewards, final, message):
    found = outcomes(range(5, 6))
    found[5].final = (np.full(1, final),)
    recording = record(played([5, 5], rewards, values), found, range(5, 6))
    (error,) = not_numbers(recording, "x gave", infinite=False).values()
    assert isinstance(error, NotANumberError)
    assert str(error).startswith(message)
    nan = rewards is not None and np.isnan(rewards).any()
    assert bool(not_numbers(recording, "x gave", infinite=True)) == nan


@pytest.mark.parametrize(
    "space",
    [
        Box(-np.inf, np.inf, (2, 2), np.float16),
        Dict(a=Discrete(3), b=Box(-1, 1, (3,), np.float32)),
        Tuple([Box(0, 9, (2,), np.uint8), Dict(c=Box(-np.inf, np.inf, ()))]),
    ],
    ids=["a matrix", "a part", "a number in a part"],
)
def test_nan_after_the_last_step_is_found_wherever_it_hides(space):
    found = leaves(space)
    log, ended = RowLog(found, DONE), outcomes(range(2))
    log.rows, log.attempts[:2] = 2, (0, 1)
    for column in (*log.observations, *log.actions, log.rewards):
        column[:2] = 1
    for outcome in ended.values():
        outcome.truncated, outcome.terminated = True, False
        outcome.final = tuple(np.ones(leaf.shape, leaf.dtype) for leaf in found)
    assert not_numbers(record(log, ended, range(2)), "x gave", infinite=False) == {}
    floats = max(number for number, leaf in enumerate(found) if leaf.dtype.kind == "f")
    ended[1].final[floats][...] = np.nan
    (error,) = not_numbers(record(log, ended, range(2)), "x gave", infinite=True).values()
    assert error.what == "x gave an observation that is not a number in attempt 1, step 1 (seed 10)"


def test_large_numbers_are_numbers():
    log = played([5, 5], values=[1.7e308, 1.7e308])
    assert not_numbers(record(log, outcomes(range(5, 6)), range(5, 6)), "x gave", infinite=False) == {}


def test_an_error_says_its_attempt_step_and_seed():
    place = Place(7, 123, 4)
    raised = placed(ValueError("unstable"), place, "the environment")
    assert isinstance(raised, RolloutError)
    assert raised.what == ("attempt 7, step 4 (seed 123) failed: the environment raised ValueError: unstable")
    ours = placed(SpaceError("no such action", got=2), place, "the expert")
    assert str(ours) == "no such action in attempt 7, step 4 (seed 123); got 2"


def test_only_what_other_attempts_may_be_spared_is_rejected():
    assert rejectable(RuntimeError("unstable"))
    assert rejectable(NotFiniteError("x"))
    assert rejectable(NotANumberError("x"))
    assert not rejectable(SpaceError("x"))
    assert not rejectable(ExpertError("x"))
