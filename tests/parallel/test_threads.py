"""Threads of this process."""

import _thread
import threading
import time

import pytest

from builder.parallel.backends import open_workers
from builder.parallel.cancellation import cancelled
from builder.parallel.workers import ParallelConfig


def test_no_thread_is_at_a_task_any_more_when_what_was_stopped_goes_on():
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
        with open_workers(ParallelConfig(backend="threading", n_jobs=2)) as workers:
            threading.Thread(target=stop).start()
            list(workers.run(play, range(2)))

    with pytest.raises(KeyboardInterrupt):
        build()
    assert sorted(ended) == [0, 1]
