"""One attempt of a user's own `enjoy`."""

import pytest

from builder import Context, Policy
from builder.errors import RolloutError
from builder.rollout.enjoy import AttemptTask, play_attempt


def test_what_a_worker_that_died_has_left_of_an_attempt_is_not_taken_for_its_recording(tmp_path):
    (tmp_path / "attempt.npz").write_bytes(b"half")
    task = AttemptTask(
        lambda path, context, expert: True, tmp_path / "attempt", Context(0, 0), Policy(name="CartPole-v1")
    )
    with pytest.raises(RolloutError, match="accepted attempt 0 without recording it"):
        play_attempt(task)
