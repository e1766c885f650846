"""The built-in `enjoy`, and one attempt of a user's own."""

import pytest

from builder import Context, Policy, enjoy
from builder.episodes.recording_file import read_recording
from builder.errors import RolloutError
from builder.rollout.enjoy import AttemptTask, Given, play_attempt
from builder.rollout.handed import Handed


class Still:
    """Never pushes the car: each of its episodes takes 200 steps."""

    def predict(self, obs, state=None, deterministic=True):
        return 1, state


def test_what_a_worker_that_died_has_left_of_an_attempt_is_not_taken_for_its_recording(tmp_path):
    (tmp_path / "attempt.npz").write_bytes(b"half")
    expert = Handed(Given(Policy(name="CartPole-v1"), ()), tmp_path / "expert", "token")
    task = AttemptTask(lambda path, context, expert: True, tmp_path / "attempt", Context(0, 0), expert)
    with pytest.raises(RolloutError, match="accepted attempt 0 without recording it"):
        play_attempt(task)


@pytest.mark.parametrize(
    ("bounds", "accepted"),
    [
        ({}, True),
        ({"threshold": -200.0, "max_return": -200.0}, True),
        ({"threshold": -199.0}, False),
        ({"max_return": -201.0}, False),
    ],
)
def test_enjoy_accepts_a_return_between_both_bounds(tmp_path, bounds, accepted):
    path = tmp_path / "attempt"
    noise = Policy(name="MountainCar-v0", policy=Still(), **bounds)
    assert enjoy(str(path), Context(0, 0), noise) is accepted
    assert read_recording(path)[0].returns.tolist() == [-200.0]
