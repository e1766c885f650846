"""Playing a build: waves of attempts until enough are accepted."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import numpy as np

from builder.errors import BudgetError, DatasetError, OutOfReachError, WorkersError, storage_error
from builder.parallel.auto import told_aside
from builder.parallel.backends import open_workers
from builder.parallel.workers import Workers
from builder.pipeline.attempt_run import AttemptRun
from builder.pipeline.build import Build
from builder.pipeline.opening import opened
from builder.pipeline.preflight import check_returns, first_attempts
from builder.pipeline.progress import Reporter
from builder.pipeline.runs import ChunkRun
from builder.rollout.planning import (
    Played,
    first_returns,
    next_horizon,
    played_so_far,
)
from builder.rollout.summary import ChunkSummary
from builder.storage.disk import check_space
from builder.storage.paths import write_whole

log = logging.getLogger(__name__)

ELSEWHERE = "give an `out` elsewhere"


def play(
    build: Build,
    run: ChunkRun | AttemptRun,
    open_workers: Callable[..., AbstractContextManager[Workers]] = open_workers,
    *,
    aside: bool = False,
) -> Played:
    """Play waves of attempts until enough are accepted.

    Args:
        build: what is played.
        run: what has been played of it.
        open_workers: opens those who play, where something is missing.
        aside: it is a part of something else that says itself what has come of it, so that the log has
            only what takes long.

    Raises:
        BudgetError: the budget is spent.
        StorageError: the disk has no room, not even for episodes of one step.
    """
    budget, played = build.config.budget, _played(build, run)
    _check_least(build, played)
    expert, environment = build.expert.name, build.environment.id
    with Reporter(expert, environment, wanted=played.wanted, aside=aside) as reporter:
        for summary in run.summaries:
            reporter.add(summary)
        while not played.enough:
            if played.attempts >= budget:
                raise _budget_error(build, played)
            with closing(run), open_workers(build.config.parallel, shared=build.store.root) as workers:
                if aside:
                    told_aside(workers)
                played = _waves(build, run, workers, reporter, played)
                if played.enough:
                    with _kept_is_told():
                        run.finish(workers)
                run.release(workers)
        _warn_of_copies(build, run.summaries)
        _write_metrics(build, played, reporter)
    return played


def _waves(
    build: Build, run: ChunkRun | AttemptRun, workers: Workers, reporter: Reporter, played: Played
) -> Played:
    """Play until enough are accepted or the budget is spent; the first attempts are checked before more."""
    budget = build.config.budget
    first = min(first_attempts(build), played.wanted, budget)
    while not played.enough and played.attempts < budget:
        unchecked = played.attempts < first
        horizon = next_horizon(played, budget=budget, workers=workers.count)
        horizon = opened(build, run, workers, played.attempts, horizon)
        for summary in _chunks(run, workers, min(first, horizon) if unchecked else horizon):
            reporter.add(summary)
            _check_disk(build, reporter, summary, run.collated)
        played = _played(build, run)
        if unchecked and played.attempts >= first:
            check_returns(build, first_returns(run.summaries, first))
    return played


def recorded(build: Build, run: ChunkRun | AttemptRun) -> Played:
    """What has been played before.

    Raises:
        DatasetError: it is not enough.
    """
    played = _played(build, run)
    if not played.enough:
        raise DatasetError(
            "mode=collate finds too few recorded episodes",
            expected=f"{played.wanted} accepted",
            got=played.accepted,
            remedy="run mode=play or mode=all with the same configuration first",
        )
    return played


def _played(build: Build, run: ChunkRun | AttemptRun) -> Played:
    config = build.config
    return played_so_far(run.summaries, config.episodes, unique=config.dataset.unique)


def _chunks(run: ChunkRun | AttemptRun, workers: Workers, horizon: int) -> Iterator[ChunkSummary]:
    """What is played, as it comes."""
    with _kept_is_told():
        yield from run.run(workers, horizon)


@contextmanager
def _kept_is_told() -> Iterator[None]:
    """An error of the workers says what is kept; those that died may have played too many lanes at once."""
    try:
        yield
    except WorkersError as error:
        fewer = "" if isinstance(error, OutOfReachError) else ", or with fewer rollout.lanes"
        error.remedy = f"{error.remedy}{fewer}; finished chunks are kept"
        raise


def _budget_error(build: Build, played: Played) -> BudgetError:
    if "enjoy" in build.own:
        return BudgetError(
            f"too few episodes were accepted: enjoy returned True for {played.accepted} of"
            f" {played.attempts} attempts, and {played.wanted} are wanted",
            remedy="return True for each episode that is to be kept, or raise max_attempts",
        )
    acceptance = build.config.acceptance
    bounds = f"threshold {acceptance.low:g}"
    bounds += f", max_return {acceptance.high:g}" if acceptance.high < math.inf else ""
    unique = build.config.dataset.unique
    return BudgetError(
        f"too few {'distinct ' * unique}episodes were accepted: {played.attempts} attempts,"
        f" {played.accepted} accepted of {played.wanted}, best return {played.best:g},"
        f" mean return {played.mean:g}, {bounds}" + (f", {played.failed} failed" if played.failed else ""),
        remedy="want fewer episodes, leave dataset.unique=true out, or raise max_attempts"
        if unique
        else "lower the threshold, or raise max_attempts",
    )


def _check_disk(build: Build, reporter: Reporter, summary: ChunkSummary, collated: int) -> None:
    """Compare what is still to be written, of chunks and of the dataset, with the free disk."""
    rate = max(reporter.accepted, 1) / reporter.attempts
    steps = reporter.wanted * reporter.steps / reporter.attempts
    folder, chunks = build.store.root.parent, steps / rate - reporter.steps
    size = round(summary.row_bytes * (max(0, steps - collated) + chunks))
    if isinstance(folder, Path):
        check_space(folder, size, ELSEWHERE)
    else:  # of what goes elsewhere, one file at a time is written here first
        full = build.collation.shard_size
        check_space(Path(tempfile.gettempdir()), min(size, full), "give a TMPDIR elsewhere")


def _check_least(build: Build, played: Played) -> None:
    """Compare what the missing episodes take at the very least with the free disk, before one is laid out.

    A chunk holds an episode's steps as they are, and it has one at least, after which comes an observation
    more. What an own `enjoy` writes may be smaller.
    """
    folder = build.store.root.parent
    if isinstance(folder, Path) and "enjoy" not in build.own:
        missing = max(0, played.wanted - played.accepted)
        check_space(folder, missing * build.step_bytes, ELSEWHERE)


def _warn_of_copies(build: Build, summaries: Sequence[ChunkSummary]) -> None:
    digests = np.concatenate(
        [summary.digests[~summary.failed[: len(summary.digests)]] for summary in summaries]
    )
    if len(digests) > 1 and (digests == digests[0]).all():
        log.warning(
            "all %d episodes are identical: %s seems to ignore its seed", len(digests), build.environment.id
        )


def _write_metrics(build: Build, played: Played, reporter: Reporter) -> None:
    """Figures and timings of this run, beside the dataset folder; returns that nobody knows are null."""
    metrics = {
        "accepted": played.accepted,
        "attempts": played.attempts,
        "best_return": played.best if math.isfinite(played.best) else None,
        **({"failed": played.failed} if played.failed else {}),
        "mean_return": played.mean if math.isfinite(played.mean) else None,
        "seconds": round(reporter.seconds, 3),
        "steps": played.steps,
        "steps_per_second": round(reporter.steps_per_second, 1),
    }
    path = build.beside.metrics
    try:
        write_whole(path, json.dumps(metrics, indent=1) + "\n")
    except OSError as error:
        raise storage_error(error, path) from error
