"""The cost model: what one worker and the driver cost, measured; and a cluster that is made of it.

A build of 10^10 steps by 1,000 workers is simulated event by event: chunks go to workers and their summaries come
back to one driver, with the seconds that were measured here. The plan is the real one: `progress`, `gaps`,
`next_horizon`, `chunk_size` and `split` are called with as many summaries as such a build has, wave by wave, and
take the time that they take.
"""

from __future__ import annotations

import heapq
import math
import pickle
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measuring import Options
from benchmarks.report import Section
from builder.composition import build_config
from builder.config import ParallelConfig
from builder.dataset.collate import write_dataset
from builder.preparation import Build, prepare
from builder.progress import Reporter
from builder.recording import load
from builder.rollout.backends import Workers
from builder.rollout.planning import attempt_seconds, chunk_size, gaps, next_horizon, progress, split
from builder.rollout.worker import ChunkSummary, ChunkTask, Setup, play_chunk
from builder.store import ChunkStore

WORKERS, STEPS, LENGTH, LANES = 1000, 10**10, 500, 128
ACCEPTED = 0.95
"""The share of attempts that are accepted, so that there is more than one wave."""
BOUNDS = (475.0, math.inf)
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
        store = ChunkStore(folder / "chunks", build.chunk_identity())
        store.describe(build.collation.to_json() | {"episodes": None})
        setup = Setup(store.identity, build.environment, Setup.pack(build.player), "expert", 0, LANES)

        def play(start: int, count: int) -> ChunkSummary:
            chunk = range(start, start + count)
            return play_chunk(ChunkTask(setup, chunk.start, chunk.stop, store.path(chunk)))

        play(0, LANES)
        small = statistics.median(play(LANES, LANES).seconds for _ in range(rounds))
        wholes = [play(2 * LANES + number * 4 * LANES, 4 * LANES) for number in range(rounds)]
        whole = statistics.median(summary.seconds for summary in wholes)
        per_step = (whole - small) / (3 * LANES * LENGTH)
        files = store.files()
        size = sum(path.stat().st_size for path in files)
        read, collated = _seconds_to_read(files), time.perf_counter()
        manifest = write_dataset(folder / "dataset", files)
        collated = time.perf_counter() - collated
        rows = manifest.splits["train"].rows
        written = sum(file.size for path, file in manifest.files.items() if path.startswith("data/"))
        return Constants(
            rate=1 / per_step,
            chunk_seconds=max(0.0, small - LANES * LENGTH * per_step),
            chunk_bytes=size / rows,
            dataset_bytes=written / rows,
            task_bytes=len(pickle.dumps(ChunkTask(setup, 0, 1, folder))),
            summary_bytes=len(pickle.dumps(wholes[0])),
            dispatch_seconds=_dispatch_seconds(wholes[0]),
            count_seconds=_count_seconds(build, wholes[0]),
            read_rate=size / read,
            collation_rate=rows / collated,
        )


def _seconds_to_read(files: list[Path]) -> float:
    began = time.perf_counter()
    for path in files:
        load(path)
    return time.perf_counter() - began


def _dispatch_seconds(summary: ChunkSummary, count: int = 2000) -> float:
    with Workers(ParallelConfig(backend="loky", n_jobs=2)) as workers:
        list(workers.run(echo, [summary] * 100))
        began = time.perf_counter()
        list(workers.run(echo, [summary] * count))
        return (time.perf_counter() - began) / count


def _count_seconds(build: Build, summary: ChunkSummary, count: int = 2000) -> float:
    with Reporter("", 10**9, build.config.accepted_returns) as reporter:
        began = time.perf_counter()
        for _ in range(count):
            reporter.add(summary)
        return (time.perf_counter() - began) / count


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
    rng, made, summaries = np.random.default_rng(0), Simulated(), list[ChunkSummary]()
    speeds = found.rate * np.maximum(0.2, rng.normal(1, UNEVEN, workers))
    wanted = steps // LENGTH
    while True:
        began = time.perf_counter()
        played = progress(summaries, BOUNDS)
        if len(played.accepted) >= wanted:
            made.attempts, made.chunks = played.attempts, len(summaries)
            return made
        missing = gaps(summaries, next_horizon(played, wanted=wanted, budget=10 * wanted))
        size = chunk_size(
            sum(map(len, missing)),
            lanes=LANES,
            workers=workers,
            attempt_bytes=found.chunk_bytes * LENGTH,
            attempt_seconds=attempt_seconds(summaries),
        )
        chunks = split(missing, size)
        planned = time.perf_counter() - began
        made.planned += planned
        made.waves += 1
        made.seconds = _wave(found, made, chunks, speeds * 1.0, made.seconds + planned, rng)
        summaries += _summaries(chunks, found, rng)


def _wave(
    found: Constants,
    made: Simulated,
    chunks: list[range],
    speeds: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    began: float,
    rng: np.random.Generator,
) -> float:
    """Give each chunk to the worker that is free first; the driver takes one result at a time."""
    free = [(began, worker) for worker in range(len(speeds))]
    heapq.heapify(free)
    ends = []
    for chunk, luck in zip(chunks, rng.normal(1, UNEVEN, len(chunks)), strict=True):
        at, worker = heapq.heappop(free)
        taken = found.chunk_seconds + len(chunk) * LENGTH / (speeds[worker] * max(0.2, luck))
        made.worked += taken
        ends.append(at + taken)
        heapq.heappush(free, (at + taken, worker))
    driver = began
    for end in sorted(ends):
        driver = max(driver, end) + found.driver_seconds
    made.busy += len(chunks) * found.driver_seconds
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
            seconds=len(chunk) * LENGTH / found.rate,
        )


def sections(options: Options) -> list[Section]:
    """The constants, and the simulated builds."""
    found = measure(int(options.get("rounds", "3")))
    return [_constants(found), _simulated(found)]


def _constants(found: Constants) -> Section:
    chunk = 4 * LANES * LENGTH
    rows = [
        ["one worker", f"{found.rate:,.0f} steps/s"],
        ["a chunk beside its steps", f"{1e3 * found.chunk_seconds:.0f} ms of a worker"],
        ["a step in a chunk", f"{found.chunk_bytes:.1f} bytes"],
        ["a step in the dataset", f"{found.dataset_bytes:.1f} bytes"],
        ["a task on its way to a worker", f"{found.task_bytes:,} bytes"],
        [f"a summary of {4 * LANES} attempts on its way back", f"{found.summary_bytes:,} bytes"],
        ["the driver for one chunk: handing out, taking back", f"{1e3 * found.dispatch_seconds:.2f} ms"],
        ["the driver for one chunk: counting, showing", f"{1e3 * found.count_seconds:.2f} ms"],
        ["chunks that one driver can take", f"{1 / found.driver_seconds:,.0f} /s"],
        ["recorded chunks read and checked (resuming)", f"{found.read_rate / 1e6:,.0f} MB/s"],
        ["collation", f"{found.collation_rate:,.0f} steps/s"],
    ]
    return Section(
        "Cost model",
        f"CartPole, {LANES} lanes; a full chunk has {4 * LANES} attempts of {LENGTH} steps, {chunk:,} in all.",
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


def limits(found: Constants) -> list[str]:
    """Where it ends, and what is done then."""
    chunk_seconds = found.chunk_seconds + 4 * LANES * LENGTH / found.rate
    most = chunk_seconds / found.driver_seconds
    size, stored = STEPS * found.dataset_bytes, STEPS / ACCEPTED * found.chunk_bytes
    collation = STEPS / found.collation_rate
    summaries = STEPS / ACCEPTED / LENGTH / (4 * LANES) * found.summary_bytes
    return [
        f"**Collation** is one process: {collation / 3600:.1f} hours for 10^10 steps, as long as"
        f" {found.collation_rate / found.rate:.0f} workers need to play them. More workers than that shorten the"
        " play, not the build. Then: several builds with seeds of their own, each collated on its own machine"
        " (`mode=play`, then `mode=collate`), published as several datasets.",
        f"**The store** is next: every worker writes {found.rate * found.chunk_bytes / 1e6:.1f} MB/s, so that a file"
        f" server of 1 GB/s carries {1e9 / (found.rate * found.chunk_bytes):,.0f} of them; the rest would wait for"
        f" it. {stored / 1e9:,.0f} GB of chunks stay until `il-builder clean` (`keep_chunks=false` removes them"
        f" after collation), and a build that resumes reads and checks them first: {stored / found.read_rate:,.0f} s.",
        f"**The driver** takes {1 / found.driver_seconds:,.0f} chunks per second, those of {most:,.0f} workers of"
        f" CartPole's speed; slower environments, whose chunks take up to 30 s, allow"
        f" {30 / found.driver_seconds:,.0f}. Its summaries take {summaries / 1e6:,.0f} MB of memory in all. Then:"
        " longer chunks (more `rollout.lanes`), or several builds.",
        f"**The Hub** asks for fewer than 100,000 files in a repository, 10,000 in a folder and 50 GB in a file"
        f" (`huggingface.co/docs/hub/repositories-recommendations`); {size / 1e9:,.0f} GB in"
        f" {math.ceil(size / 2e8):,} or so files of 200 MB are far below, but a public repository beyond some 300 GB"
        f" is to be agreed on with the Hub, and at 100 MB/s the upload takes {size / 1e8 / 60:,.0f} minutes. Then:"
        " a larger `dataset.shard_mb`, or several repositories.",
    ]
