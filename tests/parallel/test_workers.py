"""joblib's backends."""

import _thread
import signal
import threading
import time

import pytest

from builder.config import ParallelConfig
from builder.parallel.cancellation import cancelled
from builder.parallel.workers import Workers


def blocked_signals(_):
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_worker_processes_never_see_ctrl_c_and_the_parent_still_does():
    with Workers(ParallelConfig(backend="loky", n_jobs=2)) as workers:
        assert signal.SIGINT not in blocked_signals(None)
        for blocked in workers.run(blocked_signals, range(4)):
            assert signal.SIGINT in blocked


def test_no_thread_is_at_a_task_any_more_when_a_stopped_build_goes_on():
    all_at_work, ended = threading.Barrier(3), []

    def play(task):
        all_at_work.wait()
        while not cancelled():
            time.sleep(0.01)
        time.sleep(0.2)  # a step that takes long
        ended.append(task)

    def stop():
        all_at_work.wait()
        _thread.interrupt_main()

    def build():
        with Workers(ParallelConfig(backend="threading", n_jobs=2)) as workers:
            threading.Thread(target=stop).start()
            list(workers.run(play, range(2)))

    with pytest.raises(KeyboardInterrupt):
        build()
    assert sorted(ended) == [0, 1]
