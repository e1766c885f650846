"""The first waves of a build, small ones: its workers are still to be chosen, once the pace is known."""

from __future__ import annotations

from builder.parallel.auto import Auto, undecided
from builder.parallel.workers import Workers
from builder.pipeline.attempt_run import AttemptRun
from builder.pipeline.build import Build
from builder.pipeline.runs import ChunkRun
from builder.rollout.planning import gaps, last_pace, opening_size
from builder.rollout.summary import ChunkSummary


def opened(build: Build, run: ChunkRun | AttemptRun, workers: Workers, attempts: int, horizon: int) -> int:
    """Up to where the next wave plays: not far while workers are still to be chosen, which may happen here.

    Args:
        build: what is played.
        run: what has been played of it.
        workers: who plays.
        attempts: how many have been played without a gap.
        horizon: how many there should be in all.
    """
    auto = undecided(workers)
    if auto is None:
        return horizon
    if isinstance(run, AttemptRun):
        auto.keep("it calls a function of yours")
        return horizon
    if build.environment.single:
        auto.keep(f"{build.environment.id} must be alone in its process; parallel=loky uses all cores")
        return horizon
    size = _size(build, run, auto, horizon)
    return horizon if size is None else min(horizon, attempts + size)


def _size(build: Build, run: ChunkRun, auto: Auto, horizon: int) -> int | None:
    """How many attempts to measure; None: all that are missing, as the workers are chosen."""
    played = [summary for summary in run.summaries if summary.seconds]
    pace = last_pace(played)
    if pace is None:
        return opening_size(build.environment.max_episode_steps or 1)
    remaining = pace * sum(map(len, gaps(run.summaries, horizon)))
    if remaining > auto.terms.worth and _seconds(played) < auto.terms.measured:
        return max(1, round(auto.terms.measured / pace))
    auto.decide(remaining, run.trial(played[-1]))
    if not auto.here:
        run.close()  # this process plays no more
    return None


def _seconds(played: list[ChunkSummary]) -> float:
    return sum(summary.seconds for summary in played)
