"""Processes of this machine."""

import os
import signal

import pytest

from builder.errors import WorkersError
from builder.parallel.backends import open_workers
from builder.parallel.workers import ParallelConfig

TWO = ParallelConfig(backend="loky", n_jobs=2)


def blocked_signals(_):
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_worker_processes_never_see_ctrl_c_and_the_parent_still_does():
    with open_workers(TWO) as workers:
        assert signal.SIGINT not in blocked_signals(None)
        for blocked in workers.run(blocked_signals, range(4)):
            assert signal.SIGINT in blocked


def test_a_worker_process_that_dies_is_an_error_with_its_remedy():
    with (
        pytest.raises(WorkersError, match=r"a worker process died.*fewer parallel\.n_jobs"),
        open_workers(TWO) as workers,
    ):
        list(workers.run(die, range(2)))


def variable(name):
    return os.getpid(), os.environ.get(name)


def test_processes_have_the_environment_of_today_and_stay_while_it_does(monkeypatch):
    def found():
        with open_workers(TWO) as workers:
            return set(workers.run(variable, ["IL_BUILDER_TEST"] * 20))

    first, again = found(), found()
    monkeypatch.setenv("IL_BUILDER_TEST", "a key that was set later")
    later = found()
    assert len(first | again) <= 2
    assert {value for _, value in first} == {None}
    assert {value for _, value in later} == {"a key that was set later"}
    assert os.getpid() not in dict(first | later)
