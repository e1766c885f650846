"""The number of lanes of a worker: obeyed where it is given, else the fastest of those that were measured."""

import pytest

from builder.config import AUTO, USUAL_LANES
from builder.rollout.lanes import GAIN, PER_LANE, SHARE, TRIED, LaneChoice

CHUNK = 512
SAME = dict.fromkeys((USUAL_LANES, *TRIED), 1000.0)


def played(choice, chunks, speeds=SAME, size=CHUNK):
    """Play chunks of attempts of 100 steps at the speed of their lanes; the parts of each."""
    found = []
    for chunk in range(chunks):
        parts = choice.parts(range(chunk * size, (chunk + 1) * size))
        for attempts, lanes in parts:
            steps = 100 * len(attempts)
            choice.measured(attempts, lanes, steps=steps, seconds=steps / speeds[lanes])
        found.append(parts)
    return found


def test_a_number_that_is_given_is_obeyed_and_nothing_is_tried():
    choice = LaneChoice(7)
    assert played(choice, 100, {7: 1000.0}) == [[(range(i * CHUNK, (i + 1) * CHUNK), 7)] for i in range(100)]


def test_a_short_build_tries_nothing():
    parts = played(LaneChoice(AUTO), 3)
    assert [[lanes for _, lanes in chunk] for chunk in parts] == [[USUAL_LANES]] * 3


def test_each_number_is_tried_once_on_attempts_that_are_played_anyway():
    parts = played(LaneChoice(AUTO), 40)
    assert [attempt for chunk in parts for attempts, _ in chunk for attempt in attempts] == [
        *range(40 * CHUNK)
    ]
    tried = [(len(attempts), lanes) for chunk in parts for attempts, lanes in chunk if lanes != USUAL_LANES]
    assert tried == [(PER_LANE * lanes, lanes) for lanes in TRIED]


def test_a_trial_takes_at_most_its_share_of_what_was_played_before():
    before = 0
    for chunk in played(LaneChoice(AUTO), 40):
        for attempts, lanes in chunk:
            assert lanes == USUAL_LANES or len(attempts) <= SHARE * before
            before += len(attempts)


@pytest.mark.parametrize("best", TRIED)
def test_the_fastest_is_kept(best):
    choice = LaneChoice(AUTO)
    parts = played(choice, 60, {**SAME, best: 1100.0})
    assert choice.lanes == best
    assert [lanes for _, lanes in parts[-1]] == [best]


@pytest.mark.parametrize("times", [0.5, 1.0, GAIN - 0.01])
def test_what_is_no_faster_to_speak_of_is_not_taken(times):
    choice = LaneChoice(AUTO)
    played(choice, 60, {USUAL_LANES: 1000.0} | dict.fromkeys(TRIED, 1000.0 * times))
    assert choice.lanes == USUAL_LANES


def test_chunks_that_do_not_fill_the_lanes_measure_nothing():
    choice = LaneChoice(AUTO)
    parts = played(choice, 200, {**SAME, 32: 2000.0}, size=USUAL_LANES - 1)
    assert {lanes for chunk in parts for _, lanes in chunk} == {USUAL_LANES}


def test_what_was_played_while_environments_were_made_is_no_measure():
    choice = LaneChoice(AUTO)
    first, then = range(CHUNK), range(CHUNK, 100 * CHUNK)
    choice.measured(first, USUAL_LANES, steps=100, seconds=1000.0)
    assert choice.parts(then) == [(then, USUAL_LANES)]
    choice.measured(then, USUAL_LANES, steps=100, seconds=1.0)
    assert len(choice.parts(then)) == 2
