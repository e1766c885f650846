"""Which workers are chosen, from facts alone."""

import math
from dataclasses import replace

import pytest

from builder.parallel.choice import Facts, Terms, alone, choose, most_workers
from builder.parallel.machine import Machine

MB = 10**6
TERMS = Terms(worth=15.0, start=5.0)

TABLE = [
    # seconds, cores, free memory, a worker's memory, n_jobs -> what the log says
    (0.14, 16, math.inf, 300 * MB, -1, "1 thread: about 0.1 s remain"),
    (3, 16, math.inf, 300 * MB, -1, "1 thread: about 3 s remain"),
    (15, 16, math.inf, 300 * MB, -1, "1 thread: about 15 s remain"),
    (140, 2, math.inf, 300 * MB, -1, "2 processes: about 140 s remain on one; 2 cores"),
    (16, 16, 64_000 * MB, 300 * MB, -1, "16 processes: about 16 s remain on one; 16 cores"),
    (9_000, 1, math.inf, 300 * MB, -1, "1 thread: 1 core"),
    (9_000, 0.5, math.inf, 300 * MB, -1, "1 thread: 1 core"),
    (140, 1.5, math.inf, 300 * MB, -1, "2 processes: about 140 s remain on one; 1.5 cores"),
    (
        40, 1.1, math.inf, 300 * MB, -1,
        "1 thread: about 40 s remain, of which 2 processes save too little; 1.1 cores",
    ),
    (140, 16, 600 * MB, 300 * MB, -1, "1 thread: about 140 s remain; 16 cores, memory for 1"),
    (140, 16, 1_000 * MB, 300 * MB, -1, "2 processes: about 140 s remain on one; 16 cores, memory for 2"),
    (140, 16, 0, 300 * MB, -1, "1 thread: about 140 s remain; 16 cores, memory for 1"),
    (140, 16, math.inf, 300 * MB, 4, "4 processes: about 140 s remain on one; 16 cores, parallel.n_jobs=4"),
    (140, 16, math.inf, 300 * MB, 99, "16 processes: about 140 s remain on one; 16 cores"),
    (14e1, 16, math.inf, 3e8, -2, "15 processes: about 140 s remain on one; 16 cores, parallel.n_jobs=-2"),
    (9_000, 16, math.inf, 300 * MB, 1, "1 thread: parallel.n_jobs=1"),
    (math.inf, 4, math.inf, 0, -1, "4 processes: about inf s remain on one; 4 cores"),
]  # fmt: skip


@pytest.mark.parametrize("row", range(len(TABLE)))
def test_what_is_chosen_and_why(row):
    seconds, cores, memory, worker_bytes, n_jobs, said = TABLE[row]
    facts = Facts(seconds, Machine(cores, memory), worker_bytes, n_jobs)
    choice = choose(facts, TERMS)
    assert str(choice) == said
    assert choice.backend == ("loky" if choice.count > 1 else "threading")


def test_the_terms_are_those_that_are_given():
    facts = Facts(1.0, Machine(2.0), 0.0)
    assert choose(facts, Terms(worth=0.5, start=0.1)).count == 2
    assert choose(facts, Terms(worth=0.5, start=0.6)).count == 1
    assert choose(replace(facts, trial=0.5), Terms(worth=0.5, start=0.1)).count == 1


@pytest.mark.parametrize(
    ("n_jobs", "cores", "most"),
    [(-1, 4, 4), (-2, 4, 3), (-9, 4, 1), (3, 4, 3), (9, 4, 4), (-1, 1.2, 2), (-1, 0.2, 1)],
)
def test_workers_are_counted_as_joblib_counts_them(n_jobs, cores, most):
    assert most_workers(n_jobs, cores) == most


def test_with_several_possible_nothing_is_chosen_beforehand():
    assert alone(Machine(2.0)) is None
