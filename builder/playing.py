"""Playing a build: waves of attempts until enough are accepted."""

from __future__ import annotations

import json
import logging
import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from builder.context import Context
from builder.dataset.manifest import file_sha256
from builder.errors import BudgetError, StorageError, storage_error
from builder.preflight import check, first_attempts
from builder.preparation import Build
from builder.progress import Reporter
from builder.recording import SUFFIX
from builder.rollout.backends import Workers
from builder.rollout.enjoy import AttemptTask, EnjoyFunction, attempt_summary, play_attempt
from builder.rollout.planning import (
    Progress,
    attempt_seconds,
    chunk_size,
    first_returns,
    gaps,
    next_horizon,
    progress,
    settled_size,
    split,
)
from builder.rollout.worker import ChunkSummary, ChunkTask, Setup, play_chunk
from builder.spaces import leaves
from builder.storage import AnyPath, local
from builder.store import ChunkStore, folder_of, metrics_path

log = logging.getLogger(__name__)


class ChunkRun:
    """Chunks of the built-in `enjoy`: what is there, and the tasks that play what is missing."""

    def __init__(self, build: Build, store: ChunkStore) -> None:
        self._build, self._store = build, store
        if not build.pinned:
            # Chunks of an expert that may have changed are worth nothing.
            for path in store.files():
                path.unlink()
        self.summaries = store.scan()
        config = build.config
        self._setup = Setup(
            identity=store.identity,
            environment=build.environment,
            player=Setup.pack(build.player),
            policy=build.expert.name,
            root_seed=config.seed,
            lanes=config.rollout.lanes,
        )

    def progress(self) -> Progress:
        """What has been played so far."""
        return progress(self.summaries, self._build.config.accepted_returns)

    def run(self, workers: Workers, horizon: int) -> Iterator[ChunkSummary]:
        """Play what is missing below the horizon."""
        missing = gaps(self.summaries, horizon)
        size = chunk_size(
            sum(map(len, missing)),
            lanes=self._build.config.rollout.lanes,
            workers=workers.count,
            attempt_bytes=self._attempt_bytes(),
            attempt_seconds=attempt_seconds(self.summaries),
        )
        tasks = [
            ChunkTask(self._setup, chunk.start, chunk.stop, self._store.path(chunk).absolute())
            for chunk in split(missing, size)
        ]
        for summary in workers.run(play_chunk, tasks):
            self.summaries.append(summary)
            yield summary

    def settle(self, played: Progress) -> None:
        """Leave the store as any build with the same attempts leaves it, whatever the chunks of this one."""
        last = int(played.accepted[self._build.config.episodes - 1])
        self._store.settle(last + 1, settled_size(self._attempt_bytes()))

    def _attempt_bytes(self) -> float:
        """What an attempt takes in memory at the most."""
        build = self._build
        row = sum(
            leaf.dtype.itemsize * math.prod(leaf.shape)
            for space in (build.observation_space, build.action_space)
            for leaf in leaves(space)
        )
        return float((row + 8) * (build.environment.max_episode_steps or 1))

    def files(self, played: Progress) -> list[AnyPath]:
        """The files up to the last accepted attempt that is wanted."""
        last = int(played.accepted[self._build.config.episodes - 1])
        ordered = sorted(self.summaries, key=lambda chunk: chunk.start)
        return [summary.path for summary in ordered if summary.start <= last]


class AttemptRun:
    """Attempts of a user's own `enjoy`, and the journal of what it said of each."""

    def __init__(self, build: Build, store: ChunkStore, own: EnjoyFunction) -> None:
        self._build, self._store, self._enjoy = build, store, own
        self._folder = local(store.folder, "enjoy")
        self._journal = self._folder / "attempts.jsonl"
        self.summaries = self._resumed() if build.pinned else []
        known = {summary.path for summary in self.summaries}
        for path in sorted(self._folder.glob("attempt-*")):
            if path not in known:
                path.unlink()
        self._journal.write_text("".join(_journal_line(summary) for summary in self.summaries))

    def _resumed(self) -> list[ChunkSummary]:
        if not self._journal.is_file():
            return []
        found = []
        for line in self._journal.read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # a build that was killed while it wrote this line
                continue
            path = self._folder / entry["file"]
            if not entry["accepted"] or (path.is_file() and file_sha256(path) == entry["sha256"]):
                found.append(attempt_summary(entry["attempt"], path, entry["accepted"]))
            elif path.is_file():
                log.warning("%s is damaged; its attempt is played again", path)
        return found

    def progress(self) -> Progress:
        """What has been played so far."""
        return progress(self.summaries, self._build.config.accepted_returns)

    def run(self, workers: Workers, horizon: int) -> Iterator[ChunkSummary]:
        """Play what is missing below the horizon."""
        build = self._build
        tasks = [
            AttemptTask(
                self._enjoy,
                self._folder.absolute() / f"attempt-{index:08d}{SUFFIX}",
                Context(index, build.config.seed),
                build.expert.policy,
            )
            for gap in gaps(self.summaries, horizon)
            for index in gap
        ]
        for summary in workers.run(play_attempt, tasks):
            with self._journal.open("a") as journal:
                journal.write(_journal_line(summary))
            self.summaries.append(summary)
            yield summary

    def files(self, played: Progress) -> list[AnyPath]:
        """The recorded files of the accepted attempts that are wanted."""
        wanted = set(played.accepted[: self._build.config.episodes].tolist())
        ordered = sorted(self.summaries, key=lambda attempt: attempt.start)
        return [summary.path for summary in ordered if summary.start in wanted]


def _journal_line(summary: ChunkSummary) -> str:
    accepted = bool(summary.accepted is not None and summary.accepted[0])
    entry = {"attempt": summary.start, "accepted": accepted, "file": summary.path.name}
    if accepted:
        entry["sha256"] = file_sha256(local(summary.path, "enjoy"))
    return json.dumps(entry) + "\n"


def play(build: Build, run: ChunkRun | AttemptRun) -> Progress:
    """Play waves of attempts until enough are accepted.

    Raises:
        BudgetError: the budget is spent.
    """
    config = build.config
    first = min(first_attempts(build), config.episodes, config.budget)
    reporter = Reporter(
        build.expert.name,
        build.environment.id,
        wanted=config.episodes,
        accepted_returns=config.accepted_returns,
    )
    with reporter:
        for summary in run.summaries:
            reporter.add(summary)
        played = run.progress()
        while len(played.accepted) < config.episodes:
            if played.attempts >= config.budget:
                raise _budget_error(build, played)
            with Workers(config.parallel, shared=folder_of(build.out)) as workers:
                while len(played.accepted) < config.episodes and played.attempts < config.budget:
                    unchecked = played.attempts < first
                    horizon = next_horizon(played, wanted=config.episodes, budget=config.budget)
                    for summary in run.run(workers, first if unchecked else horizon):
                        reporter.add(summary)
                        _check_disk(build, reporter, summary)
                    played = run.progress()
                    if unchecked:
                        check(build, first_returns(run.summaries, first))
        _warn_of_copies(build, run.summaries)
        _write_metrics(build, played, reporter)
    return played


def _budget_error(build: Build, played: Progress) -> BudgetError:
    if "enjoy" in build.inputs.get("own", {}):
        return BudgetError(
            f"too few episodes were accepted: enjoy returned True for {len(played.accepted)} of"
            f" {played.attempts} attempts, and {build.config.episodes} are wanted",
            remedy="return True for each episode that is to be kept, or raise max_attempts",
        )
    low, high = build.config.accepted_returns
    bounds = f"threshold {low:g}" + (f", max_return {high:g}" if high < float("inf") else "")
    return BudgetError(
        f"too few episodes were accepted: {played.attempts} attempts, {len(played.accepted)} accepted of"
        f" {build.config.episodes}, best return {played.best:g}, mean return {played.mean:g}, {bounds}",
        remedy="lower the threshold, or raise max_attempts",
    )


def _check_disk(build: Build, reporter: Reporter, summary: ChunkSummary) -> None:
    """Compare what is still to be written, chunks and dataset, with the free disk."""
    rate = max(reporter.accepted, 1) / reporter.attempts
    steps = build.config.episodes * reporter.steps / reporter.attempts
    here = isinstance(build.out, Path)
    folder, chunks = build.out.parent, steps / rate - reporter.steps
    if not isinstance(folder, Path):  # chunks go elsewhere, and the dataset is put together here
        folder, chunks = Path(tempfile.gettempdir()), 0
    needed = summary.row_bytes * (steps + chunks)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"the dataset will not fit on the disk of {folder}",
            expected=f"about {needed / 1e6:,.0f} MB",
            got=f"{free / 1e6:,.0f} MB free",
            remedy=f"free some space, or give {'an `out`' if here else 'a TMPDIR'} elsewhere",
        )


def _warn_of_copies(build: Build, summaries: Sequence[ChunkSummary]) -> None:
    digests = np.concatenate([summary.digests for summary in summaries])
    if len(digests) > 1 and (digests == digests[0]).all():
        log.warning(
            "all %d episodes are identical: %s seems to ignore its seed", len(digests), build.environment.id
        )


def _write_metrics(build: Build, played: Progress, reporter: Reporter) -> None:
    """Figures and timings of this run, beside the dataset folder."""
    metrics = {
        "accepted": len(played.accepted),
        "attempts": played.attempts,
        "best_return": played.best,
        "mean_return": played.mean,
        "seconds": round(reporter.seconds, 3),
        "steps": played.steps,
        "steps_per_second": round(reporter.steps_per_second, 1),
    }
    try:
        metrics_path(build.out).write_text(json.dumps(metrics, indent=1) + "\n")
    except OSError as error:
        raise storage_error(error, metrics_path(build.out)) from error
