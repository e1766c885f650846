"""Which attempts to play next, and in which chunks. Pure functions of what has been played."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from builder.episodes.acceptance import first_accepted
from builder.episodes.distinct import first_of_each
from builder.episodes.spaces import Array
from builder.rollout.summary import ChunkSummary
from builder.storage.limits import WAVE

LANES_PER_CHUNK = 4
"""A chunk holds this many attempts per lane where there are enough, so that few lanes idle at its end."""
SETTLED_ATTEMPTS = 256
"""A file of a settled store holds this many attempts, unless they are long."""
CHUNK_BYTES = 128 * 10**6
"""What a chunk may hold in memory at the most, by the time limit."""
CHUNK_SECONDS = 30.0
"""What a chunk may take, by the pace so far: progress is shown, and kept, at its end."""
SHARES = 2
"""A chunk is at most one of so many equal shares for each worker of what is left to play."""
CROWD = 16
"""For so many workers a wave holds `WAVE` attempts."""
OPENING_STEPS = 10_000
"""What is played at the most, by the time limit, before the pace is known."""


@dataclass(frozen=True)
class Played:
    """What has been played without a gap from attempt 0 on.

    Attributes:
        verdicts: bool [attempts]: which are accepted.
        wanted: how many accepted ones the dataset is to have.
        best: the greatest return.
        mean: the mean return.
        steps: of all of them.
        failed: how many of them failed.
    """

    verdicts: Array
    wanted: int
    best: float
    mean: float
    steps: int
    failed: int = 0

    @property
    def attempts(self) -> int:
        """How many there are."""
        return len(self.verdicts)

    @property
    def accepted(self) -> int:
        """How many of them are accepted."""
        return int(self.verdicts.sum())

    @property
    def enough(self) -> bool:
        """Whether as many are accepted as are wanted."""
        return self.accepted >= self.wanted

    @property
    def chosen(self) -> Array:
        """int64 [wanted, or fewer]: the indices of those that the dataset keeps."""
        return np.flatnonzero(first_accepted(self.verdicts, self.wanted))


def played_so_far(summaries: Iterable[ChunkSummary], wanted: int, *, unique: bool = False) -> Played:
    """Evaluate chunks in attempt order, up to the first gap.

    Args:
        summaries: of chunks whose attempts are judged.
        wanted: how many accepted attempts the dataset is to have.
        unique: whether only the first of equal attempts is accepted.
    """
    verdicts: list[Array] = []
    digests: list[Array] = []
    returns: list[Array] = []
    attempts = steps = failed = 0
    for summary in sorted(summaries, key=lambda chunk: chunk.start):
        if summary.start > attempts:
            break
        known = attempts - summary.start  # ranges of two chunkings may overlap
        verdicts.append(summary.accepted[known:])
        digests.append(summary.digests[known:])
        returns.append(summary.returns[known:])
        steps += int(summary.lengths[known:].sum())
        failed += int(summary.failed[known:].sum())
        attempts += len(returns[-1])
    if not attempts:
        return Played(np.empty(0, bool), wanted, math.nan, math.nan, 0)
    found = np.concatenate(returns)
    known_returns = found[~np.isnan(found)]
    mean = math.fsum(known_returns) / len(known_returns) if len(known_returns) else math.nan
    accepted = np.concatenate(verdicts)
    if unique:
        accepted = first_of_each(np.concatenate(digests), accepted)
    return Played(accepted, wanted, float(np.fmax.reduce(found)), mean, steps, failed)


def first_returns(summaries: Iterable[ChunkSummary], count: int) -> Array:
    """float64 [at most count]: the returns of the first attempts, all played, less those that failed."""
    returns: list[Array] = []
    known = 0
    for summary in sorted(summaries, key=lambda chunk: chunk.start):
        if known >= count:
            break
        returns.append(summary.returns[known - summary.start :])
        known += len(returns[-1])
    found: Array = np.concatenate(returns)[:count]
    return found[~np.isnan(found)]


def next_horizon(played: Played, *, budget: int, workers: int = 1) -> int:
    """How many attempts should be played in all by the end of the next wave.

    As many as are missing at the acceptance rate seen so far, never beyond the budget, nor more than can be
    laid out at a time: more where there are many workers, of whom each waits for the others at its end.
    """
    missing, most = played.wanted - played.accepted, WAVE * max(1, workers // CROWD)
    if not played.attempts:
        return min(played.wanted, budget, most)
    rate = (played.accepted + 1) / (played.attempts + 2)  # Laplace's rule: never 0
    if played.accepted == played.attempts:
        rate = 1.0
    return min(budget, played.attempts + min(most, max(1, math.ceil(missing / rate))))


def gaps(summaries: Iterable[ChunkSummary], horizon: int) -> list[range]:
    """The attempts below the horizon that no chunk holds."""
    missing, at = [], 0
    for summary in sorted(summaries, key=lambda chunk: chunk.start):
        if summary.start > at:
            missing.append(range(at, min(summary.start, horizon)))
        at = max(at, summary.stop)
    missing.append(range(at, horizon))
    return [gap for gap in missing if gap]


def attempt_seconds(summaries: Iterable[ChunkSummary]) -> float:
    """What an attempt has taken so far; 0 where nothing has been played yet."""
    played = [summary for summary in summaries if summary.seconds]
    attempts = sum(len(summary.returns) for summary in played)
    return sum(summary.seconds for summary in played) / attempts if attempts else 0.0


def last_pace(summaries: Sequence[ChunkSummary]) -> float | None:
    """Seconds per attempt of the chunk that was played last: the first ones also load and make things.

    None: nothing has been played yet; chunks that were there already have no seconds.
    """
    played = [summary for summary in summaries if summary.seconds]
    return played[-1].seconds / len(played[-1].returns) if played else None


def opening_size(max_steps: int) -> int:
    """How many attempts are played to begin with, where all that is known of them is their time limit."""
    return max(1, OPENING_STEPS // max_steps)


def chunk_size(
    missing: int, *, lanes: int, workers: int, attempt_bytes: float, attempt_seconds: float = 0.0
) -> int:
    """Attempts per chunk: several per lane, within bounded memory and time.

    Every worker would get equally many of them; `split` makes smaller ones of the last.
    """
    fits = max(1, int(CHUNK_BYTES / max(1.0, attempt_bytes)))
    timely = max(1, int(CHUNK_SECONDS / attempt_seconds)) if attempt_seconds else missing
    largest = max(1, min(LANES_PER_CHUNK * lanes, fits, timely))
    rounds = math.ceil(missing / (largest * workers))
    return max(1, math.ceil(missing / max(1, rounds * workers)))


def settled_size(attempt_bytes: float) -> int:
    """Attempts per file of a settled store: a function of what is played alone."""
    return max(1, min(SETTLED_ATTEMPTS, int(CHUNK_BYTES / max(1.0, attempt_bytes))))


def split(
    missing: Sequence[range], size: int, *, workers: int = 1, least: int | None = None
) -> Iterator[range]:
    """Cut ranges into chunks of at most `size` attempts, and into smaller ones as their end comes near.

    Workers differ in speed: whoever begins a large chunk when nothing else is left keeps all others waiting.
    So none holds more than a share of what is left ("guided self-scheduling", Polychronopoulos, Kuck, 1987).

    Args:
        missing: what is to be played.
        size: the most attempts of a chunk.
        workers: how many play.
        least: the fewest attempts of a chunk, where a range has so many left; None: `size`.
    """
    least, left = size if least is None else least, sum(map(len, missing))
    for gap in missing:
        start = gap.start
        while start < gap.stop:
            share = math.ceil(left / (SHARES * workers))
            stop = min(start + min(size, max(least, share)), gap.stop)
            yield range(start, stop)
            left -= stop - start
            start = stop


def chunks_of(
    missing: Sequence[range], *, lanes: int, workers: int, attempt_bytes: float, attempt_seconds: float
) -> Iterator[range]:
    """The chunks in which so many workers play what is missing; one worker's are all alike."""
    size = chunk_size(
        sum(map(len, missing)),
        lanes=lanes,
        workers=workers,
        attempt_bytes=attempt_bytes,
        attempt_seconds=attempt_seconds,
    )
    return split(missing, size, workers=workers, least=None if workers == 1 else min(lanes, size))
