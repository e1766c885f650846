"""The cost model: what one worker and the driver cost, measured; and a cluster that is made of it.

A build of 10^10 steps by 1,000 workers is simulated event by event: chunks go to workers and their summaries
come back to one driver, with the seconds that were measured here. The plan is the real one: `progress`,
`gaps`, `next_horizon`, `chunk_size` and `split` are called with as many summaries as such a build has, wave
by wave, and take the time that they take.
"""

from __future__ import annotations

import heapq
import math
import pickle
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.measuring import Options
from benchmarks.report import Section
from builder.composition import build_config
from builder.config import ParallelConfig
from builder.dataset.collation import SHARD_MB
from builder.dataset.folder import write_dataset
from builder.episodes.recording_file import read_recording
from builder.experts.actor import pack
from builder.parallel.backends import open_workers
from builder.pipeline.prepare import prepare
from builder.pipeline.progress import Reporter
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.planning import (
    CHUNK_SECONDS,
    LANES_PER_CHUNK,
    attempt_seconds,
    chunk_size,
    gaps,
    next_horizon,
    played_so_far,
    split,
)
from builder.rollout.summary import ChunkSummary
from builder.rollout.worker import ChunkTask, Setup, play_chunk

WORKERS, STEPS, LENGTH, LANES = 1000, 10**10, 500, 128
CHUNK = LANES_PER_CHUNK * LANES * LENGTH
"""Steps of a full chunk of CartPole."""
ACCEPTED = 0.95
"""The share of attempts that are accepted, so that there is more than one wave."""
UNEVEN = 0.1
"""Workers differ in speed by so much (standard deviation), and so do a worker's chunks."""


@dataclass(frozen=True)
class Constants:
    """What was measured.

    Attributes:
        rate: steps per second of one worker.
        chunk_seconds: what a chunk costs beside its steps.
        chunk_bytes: of a step in a chunk's file.
        dataset_bytes: of a step in the dataset.
        row_bytes: of a step in the dataset, before compression.
        task_bytes: of a chunk's task on its way to a worker.
        summary_bytes: of its summary on the way back, with the arrays of a full chunk.
        dispatch_seconds: what handing out one task and taking its result costs the driver (loky).
        count_seconds: what counting and showing one summary costs the driver.
        read_rate: bytes per second at which recorded chunks are read and checked, as resuming does.
        collation_rate: steps per second of collation.
    """

    rate: float
    chunk_seconds: float
    chunk_bytes: float
    dataset_bytes: float
    row_bytes: float
    task_bytes: int
    summary_bytes: int
    dispatch_seconds: float
    count_seconds: float
    read_rate: float
    collation_rate: float

    @property
    def driver_seconds(self) -> float:
        """The driver's work for one chunk."""
        return self.dispatch_seconds + self.count_seconds


def echo(summary: ChunkSummary) -> ChunkSummary:
    """A task without work."""
    return summary


def measure(rounds: int = 3) -> Constants:
    """Measure on this machine."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build = prepare(build_config(["expert=cartpole", f"out={folder}/x"]))
        store = ChunkStore(folder / "chunks", build.store.identity)
        store.describe(build.collation.to_json() | {"episodes": None})
        setup = Setup(store.identity, build.environment, pack(build.player), "expert", 0, LANES)
        per_step, beside, summary = _play(setup, store, rounds)
        files = store.files()
        size = sum(path.stat().st_size for path in files)
        read = _seconds(lambda: [read_recording(path) for path in files])
        collated = _seconds(lambda: write_dataset(folder / "dataset", files))
        written = sorted((folder / "dataset" / "data").iterdir())
        rows = sum(pq.read_metadata(path).num_rows for path in written)
        return Constants(
            rate=1 / per_step,
            chunk_seconds=beside,
            chunk_bytes=size / rows,
            dataset_bytes=sum(path.stat().st_size for path in written) / rows,
            row_bytes=sum(map(_uncompressed, written)) / rows,
            task_bytes=len(pickle.dumps(ChunkTask(setup, 0, 1, folder))),
            summary_bytes=len(pickle.dumps(summary)),
            dispatch_seconds=_dispatch_seconds(summary),
            count_seconds=_count_seconds(summary),
            read_rate=size / read,
            collation_rate=rows / collated,
        )


def _play(setup: Setup, store: ChunkStore, rounds: int) -> tuple[float, float, ChunkSummary]:
    """Seconds of a step, seconds of a chunk beside its steps, and the summary of a full chunk."""
    summaries: dict[int, ChunkSummary] = {}

    def seconds(start: int, count: int) -> float:
        def play() -> None:
            path = store.path(range(start, start + count))
            summaries[count] = play_chunk(ChunkTask(setup, start, start + count, path))

        return _seconds(play)

    full = LANES_PER_CHUNK * LANES
    seconds(0, LANES)  # makes the environments and the actor
    small = statistics.median(seconds(LANES, LANES) for _ in range(rounds))
    large = statistics.median(seconds(2 * LANES + number * full, full) for number in range(rounds))
    per_step = (large - small) / ((full - LANES) * LENGTH)
    return per_step, max(0.0, small - LANES * LENGTH * per_step), summaries[full]


def _seconds(function: Callable[[], object]) -> float:
    """Of the processor, which other work on the machine hardly changes."""
    began = time.process_time()
    function()
    return time.process_time() - began


def _uncompressed(path: Path) -> int:
    found = pq.read_metadata(path)
    return sum(found.row_group(group).total_byte_size for group in range(found.num_row_groups))


def _dispatch_seconds(summary: ChunkSummary, count: int = 2000) -> float:
    """The driver's own, for a task that does nothing."""
    with open_workers(ParallelConfig(backend="loky", n_jobs=2)) as workers:
        list(workers.run(echo, [summary] * 100))
        return _seconds(lambda: list(workers.run(echo, [summary] * count))) / count


def _count_seconds(summary: ChunkSummary, count: int = 2000) -> float:
    with Reporter("", "", wanted=10**9) as reporter:
        return _seconds(lambda: deque(map(reporter.add, [summary] * count), maxlen=0)) / count


@dataclass
class Simulated:
    """A build that was simulated.

    Attributes:
        seconds: from its beginning to the last chunk of the last wave.
        waves: how many.
        chunks: how many.
        attempts: how many.
        busy: seconds of the driver for tasks and summaries.
        planned: seconds of the driver for planning, really spent.
        worked: seconds of all workers.
    """

    seconds: float = 0.0
    waves: int = 0
    chunks: int = 0
    attempts: int = 0
    busy: float = 0.0
    planned: float = 0.0
    worked: float = 0.0


def simulate(found: Constants, workers: int, steps: int = STEPS) -> Simulated:
    """Play a build of so many steps with so many workers."""
    cluster, made, summaries = _Cluster(found, workers), Simulated(), list[ChunkSummary]()
    wanted = steps // LENGTH
    while True:
        began = time.process_time()
        played = played_so_far(summaries, wanted)
        if played.enough:
            made.attempts, made.chunks = played.attempts, len(summaries)
            return made
        missing = gaps(summaries, next_horizon(played, budget=10 * wanted))
        size = chunk_size(
            sum(map(len, missing)),
            lanes=LANES,
            workers=workers,
            attempt_bytes=found.chunk_bytes * LENGTH,
            attempt_seconds=attempt_seconds(summaries),
        )
        chunks = list(split(missing, size))
        planned = time.process_time() - began
        made.planned += planned
        made.waves += 1
        made.seconds = cluster.play(chunks, made.seconds + planned)
        made.worked, made.busy = cluster.worked, cluster.busy
        summaries += _summaries(chunks, found, cluster.rng)


class _Cluster:
    """Workers that are free again at some time, and the driver that takes their results one by one."""

    def __init__(self, found: Constants, workers: int) -> None:
        self.rng, self._found = np.random.default_rng(0), found
        self._rates = (found.rate * np.maximum(0.2, self.rng.normal(1, UNEVEN, workers))).tolist()
        self.worked = self.busy = 0.0

    def play(self, chunks: list[range], began: float) -> float:
        """Give each chunk to the worker that is free first; when the driver has taken the last one."""
        free = [(began, worker) for worker in range(len(self._rates))]  # sorted, so a heap
        ends = []
        for chunk, luck in zip(chunks, self.rng.normal(1, UNEVEN, len(chunks)).tolist(), strict=True):
            at, worker = free[0]
            steps = len(chunk) * LENGTH
            taken = self._found.chunk_seconds + steps / (self._rates[worker] * max(0.2, luck))
            heapq.heapreplace(free, (at + taken, worker))
            self.worked += taken
            ends.append(at + taken)
        driver = began
        for end in sorted(ends):
            driver = max(driver, end) + self._found.driver_seconds
        self.busy += len(chunks) * self._found.driver_seconds
        return driver


def _summaries(chunks: list[range], found: Constants, rng: np.random.Generator) -> Iterator[ChunkSummary]:
    for chunk in chunks:
        accepted = rng.random(len(chunk)) < ACCEPTED
        yield ChunkSummary(
            start=chunk.start,
            stop=chunk.stop,
            path=Path(f"chunk-{chunk.start}"),
            returns=np.where(accepted, 500.0, 400.0),
            lengths=np.full(len(chunk), LENGTH),
            digests=np.zeros(len(chunk), np.uint32),
            row_bytes=found.chunk_bytes,
            accepted=accepted,
            failed=np.zeros(len(chunk), bool),
            seconds=len(chunk) * LENGTH / found.rate,
        )


def sections(options: Options) -> list[Section]:
    """The constants, and the simulated builds."""
    found = measure(int(options.get("rounds", "3")))
    return [_constants(found), _simulated(found)]


def _constants(found: Constants) -> Section:
    rows = [
        ["one worker", f"{found.rate:,.0f} steps/s"],
        ["a chunk beside its steps", f"{1e3 * found.chunk_seconds:.0f} ms of a worker"],
        ["a step in a chunk", f"{found.chunk_bytes:.1f} bytes"],
        ["a step in the dataset", f"{found.dataset_bytes:.1f} bytes"],
        ["a task on its way to a worker", f"{found.task_bytes:,} bytes"],
        [
            f"a summary of {LANES_PER_CHUNK * LANES} attempts on its way back",
            f"{found.summary_bytes:,} bytes",
        ],
        ["the driver for one chunk: handing out, taking back", f"{1e3 * found.dispatch_seconds:.2f} ms"],
        ["the driver for one chunk: counting, showing", f"{1e3 * found.count_seconds:.2f} ms"],
        ["chunks that one driver can take", f"{1 / found.driver_seconds:,.0f} /s"],
        ["recorded chunks read and checked (resuming)", f"{found.read_rate / 1e6:,.0f} MB/s"],
        ["collation", f"{found.collation_rate:,.0f} steps/s"],
    ]
    return Section(
        "Cost model",
        f"CartPole, {LANES} lanes; a full chunk has {CHUNK // LENGTH} attempts of {LENGTH} steps: {CHUNK:,}."
        " Seconds are those of the processor.",
        ["", "measured"],
        rows,
    )


def _simulated(found: Constants) -> Section:
    rows = []
    for workers in (10, 100, WORKERS, 10 * WORKERS):
        made = simulate(found, workers)
        print(workers, made, flush=True)
        rows.append(
            [
                f"{workers:,}",
                f"{made.seconds:,.0f}",
                f"{made.worked / (workers * made.seconds):.0%}",
                f"{made.waves}",
                f"{made.chunks:,}",
                f"{made.chunks / made.seconds:,.0f}",
                f"{made.busy / made.seconds:.0%}",
                f"{made.planned:.1f}",
                f"{made.attempts * LENGTH * found.chunk_bytes / made.seconds / 1e9:.2f}",
            ]
        )
    return Section(
        "A build of 10,000,000,000 steps, simulated",
        f"{__doc__.partition('.')[2] if __doc__ else ''}\n{ACCEPTED:.0%} of the attempts are accepted.",
        [
            "workers",
            "play, s",
            "workers busy",
            "waves",
            "chunks",
            "chunks/s",
            "driver busy",
            "planning, s",
            "store, GB/s written",
        ],
        rows,
        limits(found),
    )


LIMITS = """
**Collation** is one process: {collation:.1f} hours for 10^10 steps, as long as {even:.0f} workers need to
play them. More workers than that shorten the play, not the build. On one machine it hardly counts: a build
with one worker spends {share:.0%} of its time on it. Then: builds with seeds of their own, each collated on
a machine of its own (`mode=play`, then `mode=collate`), as several datasets or splits.

**The store** is next: every worker writes {write:.1f} MB/s, so that a file server of 1 GB/s carries
{carried:,.0f} of them, and the others wait for it. {stored:,.0f} GB of chunks stay until `il-builder clean`
(`keep_chunks=false` removes them after collation), and a build that resumes reads and checks them first,
which takes {resume:,.0f} s. Then: a parallel file system, or fewer workers.

**The driver** takes {chunks:,.0f} chunks per second, those of {most:,.0f} workers at CartPole's speed;
slower environments, whose chunks last up to 30 s, allow {slow:,.0f}. All summaries together take
{summaries:,.0f} MB. A task carries the expert: {task:,.0f} kB here, but 6.9 MB for an Atari agent
(`CnnPolicy`), so that 1,000 workers with chunks of 30 s ask the driver for 230 MB/s. Then: longer chunks
(more `rollout.lanes`), or several builds.

**The Hub** asks for fewer than 100,000 files in a repository, 10,000 in a folder and 50 GB in a file
(huggingface.co/docs/hub/repositories-recommendations): {size:,.0f} GB in {files:,.0f} files are far below.
A public repository beyond some 300 GB is to be agreed on with it, and at 100 MB/s the upload takes
{upload:,.0f} minutes. Then: a larger `dataset.shard_mb`, or several repositories.
"""


def limits(found: Constants) -> list[str]:
    """Where it ends, and what is done then."""
    row = found.row_bytes
    text = LIMITS.format(
        collation=STEPS / found.collation_rate / 3600,
        even=found.collation_rate / found.rate,
        share=found.rate / (found.rate + found.collation_rate),
        write=found.rate * found.chunk_bytes / 1e6,
        carried=1e9 / (found.rate * found.chunk_bytes),
        stored=STEPS / ACCEPTED * found.chunk_bytes / 1e9,
        resume=STEPS / ACCEPTED * found.chunk_bytes / found.read_rate,
        chunks=1 / found.driver_seconds,
        most=(found.chunk_seconds + CHUNK / found.rate) / found.driver_seconds,
        task=found.task_bytes / 1e3,
        slow=CHUNK_SECONDS / found.driver_seconds,
        summaries=STEPS / ACCEPTED / CHUNK * found.summary_bytes / 1e6,
        size=STEPS * found.dataset_bytes / 1e9,
        files=math.ceil(STEPS * row / (SHARD_MB * 1e6)),
        upload=STEPS * found.dataset_bytes / 1e8 / 60,
    )
    return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
