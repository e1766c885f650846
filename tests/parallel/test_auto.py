"""One thread, and processes once much is seen to remain."""

import os
import threading

import pytest

from builder.errors import WorkersError
from builder.parallel.auto import Trial, open_auto, run_measured, told_aside, undecided
from builder.parallel.choice import Terms
from builder.parallel.machine import Machine
from builder.parallel.workers import ParallelConfig

EAGER = Terms(worth=0.0, start=0.0, measured=0.0)


def two_cores():
    return Machine(2.0)


def opened(terms=EAGER, machine=two_cores, n_jobs=-1):
    return open_auto(ParallelConfig("auto", n_jobs), None, terms, machine)


def process(_):
    return os.getpid()


def refuse(first):
    if os.getpid() != first:
        raise ValueError("not\nhere")


def die(_):
    os.kill(os.getpid(), 9)


def test_the_first_worker_is_this_thread():
    with opened() as workers:
        assert workers.count == 1
        assert undecided(workers) is workers
        assert list(workers.run(lambda _: threading.get_ident(), [0, 0])) == [threading.get_ident()] * 2


def test_processes_take_over_where_much_remains(caplog):
    caplog.set_level("INFO")
    with opened() as workers:
        workers.decide(100.0, Trial(process, None))
        assert (workers.count, workers.here, undecided(workers)) == (2, False, None)
        assert os.getpid() not in set(workers.run(process, range(4)))
    assert caplog.messages == ["2 processes: about 100 s remain on one; 2 cores"]


def test_little_that_remains_is_done_here(caplog):
    caplog.set_level("INFO")
    with opened(Terms()) as workers:
        workers.decide(10.0, Trial(die, None))
        assert (workers.count, workers.here, undecided(workers)) == (1, True, None)
    assert caplog.messages == ["1 thread: about 10 s remain"]


def test_what_was_chosen_at_the_beginning_is_said_once_when_there_is_something_to_do(caplog):
    caplog.set_level("INFO")
    with opened(n_jobs=1) as workers:
        assert caplog.messages == []
        assert [list(workers.run(process, [0])) for _ in range(2)] == [[os.getpid()]] * 2
    assert caplog.messages == ["1 thread: parallel.n_jobs=1"]


def test_of_what_is_a_part_of_something_else_only_processes_are_worth_a_line(caplog):
    caplog.set_level("INFO")
    for terms in (Terms(), EAGER):
        with opened(terms) as workers:
            told_aside(workers)
            workers.decide(10.0, Trial(process, None))
    assert caplog.messages == ["2 processes: about 10 s remain on one; 2 cores"]


@pytest.mark.parametrize(
    ("trial", "why"),
    [
        (Trial(refuse, os.getpid()), "ValueError: not"),
        (Trial(process, threading.Lock()), "Could not pickle the task to send it to the workers"),
        (Trial(die, None), "WorkersError: a worker process died"),
    ],
    ids=["it raises", "it cannot travel", "it dies"],
)
def test_what_processes_cannot_do_goes_on_here_and_is_said_in_one_line(trial, why, caplog):
    caplog.set_level("INFO")
    with opened() as workers:
        workers.decide(100.0, trial)
        assert list(workers.run(process, range(3))) == [os.getpid()] * 3
        assert undecided(workers) is None
    (line,) = caplog.messages
    assert line.startswith("1 thread: processes cannot do it (")
    assert why in line
    assert "\n" not in line


def test_what_a_process_takes_is_compared_with_the_memory_that_is_free(caplog):
    caplog.set_level("INFO")
    with opened(machine=lambda: Machine(8.0, 55e9)) as workers:
        workers.decide(100.0, Trial(process, None, more_bytes=19e9))
        assert workers.count == 2
    assert caplog.messages == ["2 processes: about 100 s remain on one; 8 cores, memory for 2"]


@pytest.mark.parametrize(("cores", "n_jobs"), [(1.0, -1), (8.0, 1)])
def test_where_there_can_be_one_worker_only_nothing_is_measured(cores, n_jobs):
    with opened(machine=lambda: Machine(cores), n_jobs=n_jobs) as workers:
        assert undecided(workers) is None


def test_tasks_of_equal_size_are_measured_and_each_is_done_once():
    with opened() as workers:
        found = list(run_measured(workers, number_and_process, range(9)))
    assert sorted(number for number, _ in found) == list(range(9))
    assert found[0] == (0, os.getpid())
    assert os.getpid() not in {where for _, where in found[1:]}


def number_and_process(task):
    return task, os.getpid()


def test_a_trial_can_be_more_than_to_be_given_a_task():
    with opened() as workers:
        trial = Trial(refuse, os.getpid())
        assert set(run_measured(workers, process, range(4), trial)) == {os.getpid()}


def test_few_quick_tasks_start_nothing():
    with opened(Terms()) as workers:
        found = list(run_measured(workers, number_and_process, range(9)))
        assert undecided(workers) is workers
    assert found == [(number, os.getpid()) for number in range(9)]


def test_a_process_that_dies_later_is_an_error():
    with opened() as workers:
        workers.decide(100.0, Trial(process, None))
        with pytest.raises(WorkersError, match="a worker process died"):
            list(workers.run(die, range(2)))
