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
