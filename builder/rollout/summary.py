"""What the controller needs to know of a chunk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from builder.episodes.acceptance import Acceptance
from builder.episodes.distinct import trajectory_digests
from builder.episodes.recording import Recording
from builder.episodes.recording_file import stored_bytes
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
        digests: uint64 [stop - start], equal for attempts that are alike; empty where that is not known.
        row_bytes: bytes per step in the file.
        seconds: what it took; 0 for a chunk that was there already.
        logs: lines that the attempts added to the build's log.
        accepted: bool [stop - start], which attempts are accepted: by a user's own `enjoy`, or once they are
            `judged` by their returns; before that all that did not fail.
        failed: bool [stop - start], which attempts failed, so that they count as rejected.
        failures: what went wrong in attempts of this chunk that failed, as far as it is known.
    """

    start: int
    stop: int
    path: AnyPath
    returns: Array
    lengths: Array
    digests: Array
    row_bytes: float
    accepted: Array
    failed: Array
    seconds: float = 0.0
    logs: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    def judged(self, acceptance: Acceptance) -> ChunkSummary:
        """The same, with those attempts accepted whose returns are."""
        return replace(self, accepted=acceptance.accepts(self.returns))


def summarise(
    recording: Recording, path: AnyPath, *, seconds: float = 0.0, failures: tuple[str, ...] = ()
) -> ChunkSummary:
    """What the controller needs to know of a recorded file."""
    return ChunkSummary(
        start=int(recording.attempts[0]),
        stop=int(recording.attempts[-1]) + 1,
        path=path,
        returns=recording.returns,
        lengths=recording.lengths,
        digests=trajectory_digests(recording),
        row_bytes=stored_bytes(recording) / max(1, len(recording.rewards)),
        accepted=recording.lengths > 0,
        failed=recording.lengths == 0,
        seconds=seconds,
        failures=failures,
    )
