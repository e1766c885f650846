"""A cluster that is made of measured costs, and a build on it, from its first chunk to its card.

Workers take tasks from a queue in which a few wait; one driver takes their answers one by one, and hands out
a task for each. What the driver does is really done, and takes the time that it takes:
`played_so_far`, `next_horizon`, `gaps` and `chunks_of` plan, the `Assembly` settles the figures of
every attempt, makes the tasks that write files, and puts these in their place. Only playing, writing and the
card are simulated; on one machine also that files are written while their last rows are played.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import itertools
import math
import pickle
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.costs import LANES, LENGTH, Costs
from builder.dataset.assembly import Assembly
from builder.dataset.collation import Collation
from builder.dataset.growing import POLL, GrowingTask
from builder.dataset.shard_tasks import Form, Pause, RowsTask
from builder.dataset.table_tasks import EpisodesTask
from builder.dataset.tries import Written
from builder.dataset.writer import shard_rows
from builder.episodes.acceptance import Acceptance
from builder.manifest.manifest import FileEntry
from builder.pipeline.runs import PAUSING
from builder.rollout.planning import attempt_seconds, chunks_of, gaps, next_horizon, played_so_far
from builder.rollout.summary import ChunkSummary
from builder.storage.paths import AnyPath

ACCEPTED = 0.95
"""The share of attempts that are accepted, so that there is more than one wave."""
GOOD, BAD = 500.0, 400.0
"""Their returns, and those of the others."""
UNEVEN = 0.1
"""Workers differ in speed by so much (standard deviation), and so do a worker's tasks."""


@dataclass
class Simulated:
    """A build that was simulated.

    Attributes:
        seconds: until the dataset is there.
        waves: of attempts.
        chunks: how many.
        attempts: how many were played.
        files: how many tasks wrote files of steps.
        busy: seconds of the driver until it knew of the last step.
        known: when that was.
        settled: of these, for settling attempts and making tasks of them.
        planned: of these, between the waves.
        worked: seconds of all workers.
        last: when the last chunk, the last file of steps and the table "episodes" were there.
    """

    seconds: float = 0.0
    waves: int = 0
    chunks: int = 0
    attempts: int = 0
    files: int = 0
    busy: float = 0.0
    known: float = 0.0
    settled: float = 0.0
    planned: float = 0.0
    worked: float = 0.0
    last: dict[type, float] = field(default_factory=lambda: {range: 0.0, RowsTask: 0.0, EpisodesTask: 0.0})

    @property
    def played(self) -> float:
        """When the last step was played."""
        return self.last[range]

    @property
    def tail(self) -> tuple[float, float, float]:
        """Seconds after it, for what is left of the files of steps, for the table, and for all else."""
        written = max(self.played, self.last[RowsTask])
        return (
            written - self.played,
            self.last[EpisodesTask] - written,
            self.seconds - self.last[EpisodesTask],
        )


def simulate(
    costs: Costs, plan: Collation, workers: int, steps: int, *, one_machine: bool = False
) -> Simulated:
    """Build a dataset of so many steps with so many workers.

    Args:
        costs: what was measured.
        plan: of any dataset of the same environment.
        workers: how many.
        steps: how many.
        one_machine: the workers are processes of one machine, and all attempts are accepted.
    """
    wanted = steps // LENGTH
    plan = dataclasses.replace(plan, episodes=wanted, acceptance=Acceptance((GOOD + BAD) / 2))
    with tempfile.TemporaryDirectory() as temporary:
        assembly, summaries = Assembly(plan, Path(temporary)), list[ChunkSummary]()
        cluster = Cluster(costs, workers, plan, one_machine=one_machine)
        made = cluster.made
        while chunks := _next_wave(cluster, summaries, wanted):
            made.waves += 1
            _play(cluster, assembly, chunks, summaries)
        made.attempts, made.chunks = max(chunk.stop for chunk in summaries), len(summaries)
        busy, made.known = made.busy, cluster.now
        assembly.finish(cluster.run)
        with cluster.driving():
            assembly.assemble(Path(temporary))
        made.busy, made.seconds = busy, cluster.now + costs.end_seconds + costs.card_seconds * wanted
    return made


def _play(cluster: Cluster, assembly: Assembly, chunks: list[range], summaries: list[ChunkSummary]) -> None:
    """Play chunks, as `builder.pipeline.runs` does it, and add what is known of them."""
    wanted = len(summaries) + len(chunks)
    given = assembly.between(chunks, lambda: 1 < cluster.count <= PAUSING and len(summaries) < wanted)
    assembly.players = cluster.count if cluster.one_machine else 0
    for answer in cluster.run(given):
        with cluster.driving("settled"):
            if isinstance(answer, ChunkSummary):
                summaries.append(answer)
                assembly.add(answer)
                if len(summaries) == wanted:
                    assembly.hold()
            elif answer is not None:
                assembly.take(answer)


def _next_wave(cluster: Cluster, summaries: list[ChunkSummary], wanted: int) -> list[range]:
    """The chunks that are played next; none: there is enough."""
    with cluster.driving("planned"):
        played = played_so_far(summaries, wanted)
        if played.enough:
            return []
        missing = gaps(summaries, next_horizon(played, budget=10 * wanted, workers=cluster.count))
        chunks = chunks_of(
            missing,
            lanes=LANES,
            workers=cluster.count,
            attempt_bytes=cluster.costs.chunk_bytes * LENGTH,
            attempt_seconds=attempt_seconds(summaries),
        )
        return list(chunks)


class Cluster:
    """Workers that are free again at some time, and the driver that takes what they answer one by one.

    Args:
        costs: what was measured.
        count: how many workers there are.
        plan: of the dataset.
        one_machine: they are processes of one machine, which write the last files while they play; and all
            attempts are accepted.

    Attributes:
        made: what has become of the build so far.
        now: the time at which the driver has done all that it has done.
    """

    def __init__(self, costs: Costs, count: int, plan: Collation, *, one_machine: bool) -> None:
        self.one_machine, self._begun = one_machine, dict[Path, float]()
        self._accepted = 1.0 if one_machine else ACCEPTED
        self.costs, self.count, self.made, self.now = costs, count, Simulated(), 0.0
        self._rng = np.random.default_rng(0)
        self._speeds = np.maximum(0.2, self._rng.normal(1, UNEVEN, count)).tolist()
        form = Form.of(plan, "transitions")
        self._rows = shard_rows(form.schema, form.packing) or 1
        self._idle = [(0.0, worker) for worker in range(count)]
        self._queue: deque[tuple[float, Any]] = deque()
        self._under_way: list[tuple[float, int, int, Any]] = []
        self._number = itertools.count()

    @contextlib.contextmanager
    def driving(self, what: str = "") -> Iterator[None]:
        """The driver works for the length of the block."""
        began = time.process_time()
        yield
        self._spend(time.process_time() - began, what)

    def _spend(self, seconds: float, what: str = "") -> None:
        self.now += seconds
        self.made.busy += seconds
        if what:
            setattr(self.made, what, getattr(self.made, what) + seconds)

    def run(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """What workers answer, as it comes; tasks are asked for as they become free."""
        following = iter(tasks)
        for _ in range(2 * self.count + self.count // 4 + 1):  # as `builder.parallel.joblib_workers` says
            self._hand_out(following)
        while self._under_way:
            end, _, worker, task = heapq.heappop(self._under_way)
            if (later := self._later(task, end)) > end:
                heapq.heappush(self._under_way, (later, next(self._number), worker, task))
                continue
            heapq.heappush(self._idle, (end, worker))
            self._begin()
            self.now = max(self.now, end)
            self._spend(self.costs.driver_seconds)
            for kind in self.made.last:
                if isinstance(task, kind):
                    self.made.last[kind] = max(self.made.last[kind], end)
            yield self._answer(task)
            self._hand_out(following)

    def _hand_out(self, tasks: Iterator[Any]) -> None:
        with self.driving("settled"):
            task = next(tasks, None)
            if task is None:
                return
            if not isinstance(task, range):
                pickle.dumps(task)  # the figures of its attempts go with it
        self._queue.append((self.now, task))
        self._begin()

    def _begin(self) -> None:
        while self._queue and self._idle:
            (free, worker), (given, task) = heapq.heappop(self._idle), self._queue.popleft()
            taken = self._seconds(task) / (self._speeds[worker] * max(0.2, self._rng.normal(1, UNEVEN)))
            self.made.worked += 0.0 if isinstance(task, Pause) else taken
            heapq.heappush(self._under_way, (max(free, given) + taken, next(self._number), worker, task))

    def _later(self, task: Any, end: float) -> float:
        """When a file whose rows are still being played is looked at again, or done."""
        if not isinstance(task, GrowingTask):
            return end
        begun = self._begun.setdefault(task.told, end)
        return max(end, begun + self._encoding(_rows(task))) if task.ended else end + POLL

    def _encoding(self, rows: int) -> float:
        return self.costs.task_seconds + rows / self.costs.write_rate

    def _seconds(self, task: Any) -> float:
        """What a worker of middling speed takes; of a file that grows, before it is looked at."""
        if isinstance(task, GrowingTask):
            return 0.0
        if isinstance(task, range):
            return self.costs.chunk_seconds + len(task) * LENGTH / self.costs.rate
        if isinstance(task, RowsTask):
            return self._encoding(_rows(task))
        if isinstance(task, Pause):
            return task.seconds
        return self.costs.episode_seconds * float(task.plan.episodes)

    def _answer(self, task: Any) -> Any:
        if isinstance(task, range):
            return self._summary(task)
        if isinstance(task, RowsTask):
            self.made.files += 1
            rows = _rows(task)
            return _written(task.folder, task.split, task.first, rows, math.ceil(rows / self._rows))
        if isinstance(task, Pause):
            return None
        return _written(task.folder, task.split, 0, task.plan.episodes, 1)

    def _summary(self, chunk: range) -> ChunkSummary:
        accepted = self._rng.random(len(chunk)) < self._accepted
        return ChunkSummary(
            start=chunk.start,
            stop=chunk.stop,
            path=Path(f"chunk-{chunk.start}"),
            returns=np.where(accepted, GOOD, BAD),
            lengths=np.full(len(chunk), LENGTH),
            digests=self._rng.integers(0, 2**64, len(chunk), np.uint64),
            row_bytes=self.costs.chunk_bytes,
            accepted=accepted,
            failed=np.zeros(len(chunk), bool),
            seconds=len(chunk) * LENGTH / self.costs.rate,
        )


def _rows(task: RowsTask) -> int:
    if isinstance(task, GrowingTask):
        return sum(int(portion.lengths.sum()) for portion in task.episodes())
    return task.stop - task.start


def _written(folder: AnyPath, split: str, first: int, rows: int, count: int) -> Written:
    """Files without content."""
    own = Path(tempfile.mkdtemp(dir=str(folder)))
    names = [f"{split}-{number:05d}.parquet" for number in range(count)]
    for name in names:
        (own / name).touch()
    return Written(split, first, rows, own, {name: FileEntry("0" * 64, 0) for name in names})
