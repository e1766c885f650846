"""What the controller needs to know of a chunk."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace

import numpy as np

from builder.episodes.acceptance import Acceptance
from builder.episodes.distinct import trajectory_digests
from builder.episodes.recording import Recording
from builder.episodes.recording_file import Header, stored_bytes
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


ATTEMPTS = 1 << 18
"""Of a chunk, whose figures its header holds; it is read whole where there are more."""


def with_figures(header: Header, summary: ChunkSummary) -> Header:
    """The header of a chunk that says what its summary says, so that nobody need read its arrays for it."""
    if len(summary.returns) > ATTEMPTS:
        return header
    arrays = (summary.returns, summary.lengths, summary.digests)
    content = b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    figures = f"{summary.row_bytes!r} {base64.b64encode(content).decode()}"
    return replace(header, figures=f"{_checksum(header, figures)} {figures}")


def summary_in(header: Header, path: AnyPath) -> ChunkSummary | None:
    """What the header of a chunk says of it; None: nothing, or what is damaged."""
    checksum, _, figures = header.figures.partition(" ")
    if not figures or checksum != _checksum(header, figures):
        return None
    row_bytes, _, content = figures.partition(" ")
    columns = np.frombuffer(base64.b64decode(content), "<u8").reshape(3, header.stop - header.start)
    lengths = columns[1].view(np.int64)
    return ChunkSummary(
        start=header.start,
        stop=header.stop,
        path=path,
        returns=columns[0].view(np.float64),
        lengths=lengths,
        digests=columns[2],
        row_bytes=float(row_bytes),
        accepted=lengths > 0,
        failed=lengths == 0,
    )


def _checksum(header: Header, figures: str) -> str:
    facts = f"{header.identity} {header.start} {header.stop} {header.policy} {figures}"
    return hashlib.sha256(facts.encode()).hexdigest()


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
