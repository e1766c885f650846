"""Chunks of attempts, made by hand."""

from pathlib import Path

import numpy as np

from builder.episodes.recording import Recording
from builder.episodes.recording_file import Header, write_recording
from builder.rollout.summary import ChunkSummary

IDENTITY = "0123456789abcdef" * 4


def recording(attempts):
    count = len(attempts)
    return Recording(
        attempts=np.array(attempts, np.int64),
        seeds=np.arange(count),
        lengths=np.full(count, 2),
        returns=np.array(attempts, np.float64),
        terminated=np.ones(count, bool),
        truncated=np.zeros(count, bool),
        observations=(np.zeros((2 * count, 3), np.float32),),
        actions=(np.zeros(2 * count, np.int64),),
        rewards=np.ones(2 * count),
        finals=(np.zeros((count, 3), np.float32),),
    )


def write(store, start, stop, *, attempts=None, identity=IDENTITY):
    path = store.path(range(start, stop))
    write_recording(recording(attempts or range(start, stop)), path, Header(identity, start, stop, "mine"))
    return path


RETURNS = np.random.default_rng(0).integers(-9, 10, 60).astype(np.float64)
"""What each attempt returns, whoever plays it."""


def chunk(start, stop, returns=RETURNS, accepted=None):
    count = stop - start
    return ChunkSummary(
        start=start,
        stop=stop,
        path=Path(f"{start}-{stop}"),
        returns=returns[start:stop],
        lengths=np.arange(start, stop) + 1,
        digests=np.empty(0, np.uint32),
        row_bytes=1.0,
        accepted=np.ones(count, bool) if accepted is None else accepted,
        failed=np.zeros(count, bool),
    )
