"""What the controller needs to know of a chunk."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from builder.episodes.acceptance import Acceptance
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array
from builder.storage.paths import AnyPath


@dataclass(frozen=True)
class ChunkSummary:
    """What the controller needs to know of a chunk; the arrays stay in its file.

    Attributes:
        start: first attempt.
        stop: one past the last.
        path: the file.
        returns: float64 [stop - start].
        lengths: int64 [stop - start].
        digests: uint32 [stop - start], a checksum of each attempt's observations, to notice attempts that
            are all alike; empty where nothing is known of them.
        row_bytes: bytes per step in the file.
        seconds: what it took; 0 for a chunk that was there already.
        logs: lines that the attempts added to the build's log.
        accepted: bool [stop - start], what a user's own `enjoy` said; None: the return decides.
        failures: what went wrong in attempts of this chunk that failed, as far as it is known.
    """

    start: int
    stop: int
    path: AnyPath
    returns: Array
    lengths: Array
    digests: Array
    row_bytes: float
    seconds: float = 0.0
    logs: tuple[str, ...] = ()
    accepted: Array | None = None
    failures: tuple[str, ...] = ()

    @property
    def failed(self) -> Array:
        """Bool [stop - start]: which attempts failed, so that they count as rejected."""
        return self.lengths == 0 if self.accepted is None else np.zeros(len(self.lengths), bool)

    def verdicts(self, acceptance: Acceptance) -> Array:
        """Bool [stop - start]: which attempts are accepted."""
        return acceptance.accepts(self.returns) if self.accepted is None else self.accepted


def summarise(
    recording: Recording, path: AnyPath, *, seconds: float = 0.0, failures: tuple[str, ...] = ()
) -> ChunkSummary:
    """What the controller needs to know of a recorded file."""
    ends = recording.lengths.cumsum()
    digests = [
        zlib.crc32(recording.observations[0][end - length : end].tobytes())
        for end, length in zip(ends, recording.lengths, strict=True)
    ]
    size = sum(
        array.nbytes
        for array in (
            *recording.observations,
            *recording.actions,
            recording.rewards,
            *recording.extras.values(),
        )
    )
    return ChunkSummary(
        start=int(recording.attempts[0]),
        stop=int(recording.attempts[-1]) + 1,
        path=path,
        returns=recording.returns,
        lengths=recording.lengths,
        digests=np.array(digests, np.uint32),
        row_bytes=size / max(1, len(recording.rewards)),
        seconds=seconds,
        failures=failures,
    )
