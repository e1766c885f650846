"""joblib's backends."""

import signal

from builder.config import ParallelConfig
from builder.rollout.backends import Workers


def blocked_signals(_):
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_worker_processes_never_see_ctrl_c_and_the_parent_still_does():
    with Workers(ParallelConfig(backend="loky", n_jobs=2)) as workers:
        assert signal.SIGINT not in blocked_signals(None)
        for blocked in workers.run(blocked_signals, range(4)):
            assert signal.SIGINT in blocked
