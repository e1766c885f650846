"""What is known of a chunk without its arrays."""

import dataclasses
from pathlib import Path

import numpy as np

from builder.episodes.recording import Recording
from builder.rollout.summary import summarise


def test_the_bytes_of_a_step_count_what_else_was_recorded_of_it():
    recording = Recording(
        attempts=np.arange(2),
        seeds=np.arange(2),
        lengths=np.array([2, 1]),
        returns=np.zeros(2),
        terminated=np.ones(2, bool),
        truncated=np.zeros(2, bool),
        observations=(np.zeros((3, 4), np.float32),),
        actions=(np.zeros(3, np.int64),),
        rewards=np.zeros(3),
        finals=(np.zeros((2, 4), np.float32),),
    )
    masked = dataclasses.replace(recording, extras={"action_mask": np.ones((3, 5), bool)})
    assert summarise(recording, Path("x")).row_bytes == 16 + 8 + 8
    assert summarise(masked, Path("x")).row_bytes == 16 + 8 + 8 + 5
