"""A worker keeps what it made for the next chunk, and says what it played."""

import threading

import numpy as np
import pytest

from builder.environments.environment import check_reuse, resolve
from builder.episodes.acceptance import Acceptance
from builder.episodes.recording_file import load
from builder.errors import ExpertError
from builder.experts.sources.python import PythonPlayer
from builder.rollout.worker import ChunkTask, Setup, play_chunk


class Counted:
    """A policy that counts how often it was made."""

    made = 0

    def __init__(self):
        type(self).made += 1

    def predict(self, obs, state=None, deterministic=True):
        return 1, state


def setup_of(policy, identity, env_id="Corridor-v0"):
    environment = check_reuse(resolve(env_id, {}, max_episode_steps=None, max_steps=None))
    return Setup(identity, environment, Setup.pack(PythonPlayer(policy)), "mine", 0, 4)


def factory():
    return Counted()


def test_the_expert_is_made_once_per_worker_not_per_chunk_or_episode(tmp_path):
    before = Counted.made
    setup = setup_of(factory, "once")
    for start in (0, 5, 10):
        play_chunk(ChunkTask(setup, start, start + 5, tmp_path / f"{start}.safetensors"))
    assert Counted.made == before + 1


def test_another_setup_makes_another_expert(tmp_path):
    before = Counted.made
    for identity in ("one", "two"):
        play_chunk(ChunkTask(setup_of(factory, identity), 0, 3, tmp_path / "x.safetensors"))
    assert Counted.made == before + 2


def test_a_summary_says_what_the_file_holds(tmp_path):
    summary = play_chunk(ChunkTask(setup_of(factory, "summary"), 3, 9, tmp_path / "x.safetensors"))
    recording, header = load(summary.path)
    assert (header.start, header.stop, header.policy, header.identity) == (3, 9, "mine", "summary")
    assert (summary.start, summary.stop) == (3, 9)
    np.testing.assert_array_equal(summary.returns, recording.returns)
    np.testing.assert_array_equal(summary.lengths, recording.lengths)
    assert summary.row_bytes == 16 + 8 + 8
    assert summary.verdicts(Acceptance(10.0)).tolist() == (recording.returns >= 10).tolist()


def test_a_policy_that_cannot_be_sent_is_an_error_with_its_remedy():
    with pytest.raises(ExpertError, match=r"cannot be sent to the workers.*give a factory"):
        Setup.pack(PythonPlayer(threading.Lock()))
