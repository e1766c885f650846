"""Which attempts are played next: exactly those that are missing, and never beyond the budget."""

import heapq
import math
from dataclasses import replace

import numpy as np
import pytest
from chunks import RETURNS, chunk
from hypothesis import given
from hypothesis import strategies as st
from sweeps import case

from builder.episodes.acceptance import Acceptance
from builder.rollout.planning import (
    CHUNK_BYTES,
    CHUNK_SECONDS,
    LANES_PER_CHUNK,
    SHARES,
    Played,
    attempt_seconds,
    chunk_size,
    gaps,
    last_pace,
    next_horizon,
    opening_size,
    played_so_far,
    split,
)
from builder.storage.limits import WAVE

ranges = st.tuples(st.integers(0, 15), st.integers(1, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))
some_chunks = st.lists(ranges, max_size=8).map(lambda found: [chunk(*pair) for pair in found])


@given(some_chunks, st.integers(0, 60), st.integers(1, 12), st.integers(1, 4), st.none() | st.integers(1, 12))
def test_gaps_cut_into_chunks_are_exactly_the_attempts_that_are_missing(
    chunks, horizon, size, workers, least
):
    pieces = list(split(gaps(chunks, horizon), size, workers=workers, least=least))
    held = {attempt for found in chunks for attempt in range(found.start, found.stop)}
    missing = [attempt for attempt in range(horizon) if attempt not in held]
    assert [attempt for piece in pieces for attempt in piece] == missing
    assert all(1 <= len(piece) <= size for piece in pieces)


def test_gaps_lie_before_between_and_after_the_chunks():
    assert gaps([chunk(6, 8), chunk(2, 4)], 12) == [range(2), range(4, 6), range(8, 12)]


def test_a_gap_is_cut_into_full_chunks_and_a_rest():
    pieces = split([range(3, 10), range(20, 22)], 3)
    assert list(pieces) == [range(3, 6), range(6, 9), range(9, 10), range(20, 22)]


@given(some_chunks, st.floats(-9, 9), st.randoms())
def test_progress_is_that_of_the_attempts_up_to_the_first_gap(chunks, threshold, random):
    held = {attempt for found in chunks for attempt in range(found.start, found.stop)}
    first_gap = min(set(range(61)) - held)
    random.shuffle(chunks)
    found = played_so_far([piece.judged(Acceptance(threshold)) for piece in chunks], 3)
    returns = RETURNS[:first_gap]
    assert found.attempts == first_gap
    assert np.flatnonzero(found.verdicts).tolist() == np.flatnonzero(returns >= threshold).tolist()
    assert found.steps == sum(range(1, first_gap + 1))
    if first_gap:
        assert (found.best, found.mean) == (returns.max(), returns.sum() / first_gap)


def test_attempts_that_two_chunks_hold_count_once():
    found = played_so_far([chunk(0, 4), chunk(2, 6), chunk(3, 5)], 6)
    assert (found.attempts, found.accepted, found.steps) == (6, 6, 1 + 2 + 3 + 4 + 5 + 6)


def test_nothing_is_known_before_anything_is_played():
    found = played_so_far([chunk(1, 5)], 6)
    assert (found.attempts, found.accepted, found.steps) == (0, 0, 0)
    assert math.isnan(found.best)
    assert math.isnan(found.mean)


def test_the_first_of_the_accepted_attempts_are_chosen():
    accepted = np.array([False, True, True, False, True])
    chunks = [chunk(0, 3, accepted=accepted[:3]), chunk(3, 5, accepted=accepted[3:])]
    assert [played_so_far(chunks, wanted).chosen.tolist() for wanted in (2, 3, 9)] == [
        [1, 2],
        *[[1, 2, 4]] * 2,
    ]
    assert [played_so_far(chunks, wanted).enough for wanted in (3, 4)] == [True, False]


def test_the_mean_return_is_summed_exactly():
    returns = np.array([1e16, 1.0, -1e16, 1.0])
    assert played_so_far([chunk(0, 4, returns)], 6).mean == 0.5


def played(attempts, accepted, wanted):
    return Played(np.arange(attempts) < accepted, wanted, 1.0, 1.0, attempts)


RATES = [
    (0, 0, 10, 100, 10),
    (0, 0, 10, 7, 7),
    (10, 10, 15, 100, 15),  # all were accepted: as many more as are missing
    (10, 5, 10, 100, 20),  # 5 missing at a rate of (5 + 1) / (10 + 2)
    (10, 0, 10, 1000, 130),  # 10 missing at a rate of 1 / 12
    (10, 0, 10, 100, 100),
    (10, 9, 10, 100, 12),  # 1 missing at a rate of 10 / 12
]


def test_as_many_are_played_next_as_are_missing_at_the_rate_so_far():
    for attempts, accepted, wanted, budget, horizon in RATES:
        with case(attempts, accepted, wanted, budget, horizon):
            assert next_horizon(played(attempts, accepted, wanted), budget=budget) == horizon


def test_no_more_is_laid_out_at_a_time_than_memory_holds():
    assert next_horizon(played(0, 0, 10**9), budget=10**10) == WAVE
    assert next_horizon(played(10, 10, 10**9), budget=10**10) == 10 + WAVE
    assert next_horizon(played(10, 0, 10**9), budget=10**10) == 10 + WAVE


def test_many_workers_are_given_more_at_a_time_so_that_they_seldom_wait_for_each_other():
    assert next_horizon(played(0, 0, 10**9), budget=10**10, workers=160) == 10 * WAVE
    assert next_horizon(played(10, 10, 10**9), budget=10**10, workers=160) == 10 + 10 * WAVE
    assert next_horizon(played(0, 0, 10**9), budget=10**10, workers=31) == WAVE


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 500), st.integers(1, 500))
def test_the_next_wave_plays_at_least_one_attempt_and_keeps_to_the_budget(attempts, accepted, missing, left):
    accepted = min(accepted, attempts)
    horizon = next_horizon(played(attempts, accepted, accepted + missing), budget=attempts + left)
    assert attempts < horizon <= attempts + left


@given(
    st.lists(st.booleans(), min_size=1, max_size=200),
    st.integers(1, 20),
    st.integers(1, 5),
    st.integers(1, 4),
    st.randoms(),
)
def test_waves_end_with_the_first_accepted_attempts_whatever_the_chunks(
    pattern, wanted, lanes, workers, random
):
    """The budget is as long as the pattern; chunks come back in any order."""
    returns, chunks, one = np.array(pattern, np.float64), [], Acceptance(1.0, 1.0)
    found, budget = played_so_far(chunks, wanted), len(pattern)
    while not found.enough and found.attempts < budget:
        missing = gaps(chunks, next_horizon(found, budget=budget))
        size = chunk_size(sum(map(len, missing)), lanes=lanes, workers=workers, attempt_bytes=8.0)
        wave = [chunk(piece.start, piece.stop, returns).judged(one) for piece in split(missing, size)]
        random.shuffle(wave)
        chunks += wave
        found = played_so_far(chunks, wanted)
    assert found.chosen.tolist() == np.flatnonzero(returns)[:wanted].tolist()
    assert found.attempts <= budget


SIZES = [
    (1024, 64, 1, 1.0, LANES_PER_CHUNK * 64),
    (10_000, 64, 1, 1.0, 250),  # 40 chunks, the last as long as the others
    (600, 64, 2, 1.0, 150),  # two chunks for each worker
    (100, 64, 1, 1.0, 100),
    (100, 64, 3, 1.0, 34),
    (100, 1, 1, 1.0, LANES_PER_CHUNK),
    (10_000, 64, 1, CHUNK_BYTES / 8, 8),
    (10_000, 64, 1, CHUNK_BYTES * 2, 1),
    (1, 64, 8, 1.0, 1),
    (0, 64, 8, 0.0, 1),
]


def test_a_chunk_is_bounded_by_lanes_share_and_memory():
    for missing, lanes, workers, attempt_bytes, size in SIZES:
        with case(missing, lanes, workers, attempt_bytes, size):
            assert chunk_size(missing, lanes=lanes, workers=workers, attempt_bytes=attempt_bytes) == size


@pytest.mark.parametrize(("seconds", "size"), [(0.0, 256), (CHUNK_SECONDS / 100, 94), (CHUNK_SECONDS * 2, 1)])
def test_a_chunk_is_bounded_by_the_time_that_it_takes(seconds, size):
    """1,024 attempts: at most 100 in time makes 11 chunks."""
    found = chunk_size(1024, lanes=64, workers=1, attempt_bytes=1.0, attempt_seconds=seconds)
    assert found == size


@given(st.integers(1, 5000), st.integers(1, 300), st.integers(1, 16))
def test_every_worker_gets_equally_many_chunks_of_about_equal_size(missing, lanes, workers):
    size = chunk_size(missing, lanes=lanes, workers=workers, attempt_bytes=1.0)
    pieces = list(split([range(missing)], size))
    assert size <= LANES_PER_CHUNK * lanes
    assert math.ceil(len(pieces) / workers) == math.ceil(missing / (LANES_PER_CHUNK * lanes * workers))


@given(st.integers(1, 50_000), st.integers(1, 600), st.integers(1, 32), st.integers(1, 600))
def test_near_the_end_no_chunk_is_more_than_a_share_of_what_is_left(missing, size, workers, least):
    pieces, left = list(split([range(missing)], size, workers=workers, least=min(least, size))), missing
    for piece in pieces:
        assert len(piece) <= max(least, math.ceil(left / (SHARES * workers)))
        left -= len(piece)


@pytest.mark.parametrize("missing", [10_000, 30_000])
def test_workers_of_uneven_speed_end_at_about_the_same_time(missing):
    """16 workers, the slowest at 0.7 of the fastest one's speed."""
    size = chunk_size(missing, lanes=128, workers=16, attempt_bytes=1.0)

    def seconds(pieces):
        free = [(0.0, 1 - 0.02 * worker) for worker in range(16)]
        for piece in pieces:
            at, speed = heapq.heappop(free)
            heapq.heappush(free, (at + len(piece) / speed, speed))
        return max(free)[0] * sum(speed for _, speed in free) / missing

    assert seconds(split([range(missing)], size)) > 1.14
    assert seconds(split([range(missing)], size, workers=16, least=128)) < 1.12


def test_the_pace_is_that_of_what_was_played_now():
    chunks = [chunk(0, 4), replace(chunk(4, 8), seconds=6.0), replace(chunk(8, 10), seconds=3.0)]
    assert attempt_seconds(chunks) == 1.5
    assert attempt_seconds(chunks[:1]) == 0.0


def test_what_a_users_own_enjoy_said_counts_whatever_the_return():
    said = np.array([True, False, True])
    assert played_so_far([chunk(0, 3, np.full(3, np.nan), said)], 9).chosen.tolist() == [0, 2]


def test_the_pace_is_that_of_the_chunk_that_was_played_last():
    first, last, found = (replace(chunk(i, i + 4), seconds=s) for i, s in ((0, 8.0), (4, 2.0), (8, 0.0)))
    assert last_pace([first, last, found]) == 0.5
    assert last_pace([found]) is None


@pytest.mark.parametrize(("max_steps", "attempts"), [(500, 20), (1_000, 10), (27_000, 1), (1, 10_000)])
def test_before_the_pace_is_known_the_time_limit_bounds_what_is_played(max_steps, attempts):
    assert opening_size(max_steps) == attempts
