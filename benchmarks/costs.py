"""What a build costs its workers and its driver: measured, in seconds of the processor."""

from __future__ import annotations

import dataclasses
import pickle
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from builder.card import write_card
from builder.composition import build_config
from builder.config import ParallelConfig
from builder.dataset.assembly import TASK_ROWS, Assembly
from builder.dataset.collation import Collation, described_in
from builder.dataset.table_tasks import EpisodesTask
from builder.dataset.tries import Written
from builder.episodes.recording_file import read_header, read_recording
from builder.experts.actor import pack
from builder.parallel.backends import open_workers
from builder.pipeline.prepare import prepare
from builder.pipeline.progress import Reporter
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.planning import LANES_PER_CHUNK
from builder.rollout.summary import ChunkSummary
from builder.rollout.worker import ChunkTask, Setup, play_chunk
from builder.storage.paths import local_path

LENGTH, LANES = 500, 128
"""Steps of an episode of CartPole, and lanes of a worker."""
FULL = LANES_PER_CHUNK * LANES
"""Attempts of a full chunk."""
FEW, MANY, SHORT = 1024, 131_072, 10
"""Episodes of two datasets that tell what each one costs, and their steps."""
AGAIN = 20
"""Times that a header is read."""


@dataclass(frozen=True)
class Costs:
    """What was measured.

    Attributes:
        rate: steps per second of one worker that plays.
        chunk_seconds: what a chunk costs it beside its steps.
        write_rate: steps per second of one worker that writes files of the dataset.
        task_seconds: what a task that writes them costs it beside its steps.
        episode_seconds: what a row of the table "episodes" costs the worker that writes it.
        end_seconds: what the driver does at the end, whatever the size: manifest, card.
        card_seconds: what it does there for each episode.
        chunk_bytes: of a step in a chunk's file.
        dataset_bytes: of a step in the dataset.
        row_bytes: of a step in the dataset, before compression.
        task_bytes: of a chunk's task on its way to a worker.
        summary_bytes: of its summary on the way back, with the arrays of a full chunk.
        dispatch_seconds: what handing out one task and taking its result costs the driver (loky).
        count_seconds: what counting and showing one summary costs it.
        read_rate: bytes per second at which recorded chunks are read and checked.
        header_seconds: what a recorded chunk costs a build that goes on.
    """

    rate: float
    chunk_seconds: float
    write_rate: float
    task_seconds: float
    episode_seconds: float
    end_seconds: float
    card_seconds: float
    chunk_bytes: float
    dataset_bytes: float
    row_bytes: float
    task_bytes: int
    summary_bytes: int
    dispatch_seconds: float
    count_seconds: float
    read_rate: float
    header_seconds: float

    @property
    def driver_seconds(self) -> float:
        """The driver's work for one chunk, beside what settling it takes."""
        return self.dispatch_seconds + self.count_seconds


def measure(rounds: int = 3) -> Costs:
    """Measure on this machine."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        game = game_in(folder / "long")
        per_step, beside, summaries = _play(game, rounds)
        task, row, whole = _writing(game, summaries)
        few, many = (_short(folder / str(count), count) for count in (FEW, MANY))
        files, full = game.files, max(summaries, key=lambda chunk: len(chunk.returns))
        size = sum(path.stat().st_size for path in files)
        card = (many.end - few.end) / (MANY - FEW)
        return Costs(
            rate=1 / per_step,
            chunk_seconds=beside,
            write_rate=1 / row,
            task_seconds=task,
            episode_seconds=(many.episodes - few.episodes) / (MANY - FEW),
            end_seconds=few.end - FEW * card,
            card_seconds=card,
            chunk_bytes=size / whole.rows,
            dataset_bytes=whole.bytes / whole.rows,
            row_bytes=whole.uncompressed / whole.rows,
            task_bytes=len(pickle.dumps(ChunkTask(game.setup, 0, 1, folder))),
            summary_bytes=len(pickle.dumps(full)),
            dispatch_seconds=dispatch_seconds(full),
            count_seconds=_count_seconds(full),
            read_rate=size / _seconds(lambda: [read_recording(path) for path in files]),
            header_seconds=_seconds(lambda: [read_header(path) for path in files for _ in range(AGAIN)])
            / (AGAIN * len(files)),
        )


def _seconds(function: Callable[[], object]) -> float:
    """Of the processor, which other work on the machine hardly changes."""
    began = time.process_time()
    function()
    return time.process_time() - began


@dataclass(frozen=True)
class Game:
    """What is needed to play, and to make a dataset of it.

    Attributes:
        setup: of the workers.
        store: where chunks go.
        plan: what is made of them.
    """

    setup: Setup
    store: ChunkStore
    plan: Collation

    @property
    def folder(self) -> Path:
        """Where chunks lie."""
        return local_path(self.store.folder, "this")

    @property
    def files(self) -> list[Path]:
        """Those that have been played."""
        return [local_path(path, "this") for path in self.store.files()]

    def play(self, start: int, count: int) -> ChunkSummary:
        """Play a chunk."""
        path = self.store.path(range(start, start + count))
        return play_chunk(ChunkTask(self.setup, start, start + count, path)).judged(self.plan.acceptance)


def game_in(folder: Path, *overrides: str) -> Game:
    """CartPole, of which nothing has been played."""
    build = prepare(build_config(["expert=cartpole", f"out={folder}/x", "threshold=0", *overrides]))
    store = ChunkStore(folder / "chunks", build.store.identity)
    store.describe(build.collation.to_json() | {"episodes": None})
    plan = described_in(store.folder)
    assert plan is not None
    return Game(Setup(store.identity, build.environment, pack(build.player), "expert", 0, LANES), store, plan)


def _play(game: Game, rounds: int) -> tuple[float, float, list[ChunkSummary]]:
    """Seconds of a step, seconds of a chunk beside its steps, and what was played."""
    found: list[ChunkSummary] = [game.play(0, LANES)]  # makes the environments and the actor

    def taken(count: int) -> float:
        return _seconds(lambda: found.append(game.play(found[-1].stop, count)))

    small = statistics.median(taken(LANES) for _ in range(rounds))
    large = statistics.median(taken(FULL) for _ in range(rounds))
    per_step = (large - small) / ((FULL - LANES) * LENGTH)
    return per_step, max(0.0, small - LANES * LENGTH * per_step), found


@dataclass
class Assembled:
    """What it took to write the files of a dataset.

    Attributes:
        tasks: that wrote files of steps.
        rows: in these.
        bytes: of them.
        uncompressed: bytes before compression.
        steps: seconds that the tasks took.
        episodes: seconds that the table "episodes" took.
        end: seconds of what is done with all of them at the end.
    """

    tasks: int = 0
    rows: int = 0
    bytes: int = 0
    uncompressed: int = 0
    steps: float = 0.0
    episodes: float = 0.0
    end: float = 0.0

    def work(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Do tasks here, one after the other, on a clock."""
        for task in tasks:
            began = time.process_time()
            answer = task.do()
            taken = time.process_time() - began
            if isinstance(task, EpisodesTask):
                self.episodes += taken
            elif isinstance(answer, Written):
                self._count(answer, taken)
            yield answer

    def _count(self, answer: Written, taken: float) -> None:
        self.tasks, self.steps, self.rows = self.tasks + 1, self.steps + taken, self.rows + answer.rows
        for name in answer.files:
            known = pq.read_metadata(answer.folder / name)
            self.bytes += (answer.folder / name).stat().st_size
            self.uncompressed += sum(
                known.row_group(group).total_byte_size for group in range(known.num_row_groups)
            )


def assembled(game: Game, summaries: list[ChunkSummary], *, task_rows: int = TASK_ROWS) -> Assembled:
    """Write a dataset of what was played, as workers and driver do it."""
    found = Assembled()
    with tempfile.TemporaryDirectory(dir=game.folder) as temporary:
        assembly = Assembly(game.plan, game.folder, task_rows=task_rows)
        for summary in summaries:
            assembly.add(summary)
        assembly.finish(found.work)
        folder = Path(temporary)

        found.end = _seconds(lambda: assembly.assemble(folder))
        found.end += statistics.median(_seconds(lambda: write_card(folder)) for _ in range(3))
        assembly.close()
    return found


def _writing(game: Game, summaries: list[ChunkSummary]) -> tuple[float, float, Assembled]:
    """Seconds of a task beside its rows, seconds of a row, and the dataset: from few tasks and from many."""
    small = dataclasses.replace(game, plan=dataclasses.replace(game.plan, shard_size=1))
    assembled(small, summaries[:1])  # imports what it needs
    whole, cut = assembled(game, summaries), assembled(small, summaries, task_rows=1)
    task = max(0.0, (cut.steps - whole.steps) / (cut.tasks - whole.tasks))
    return task, (whole.steps - whole.tasks * task) / whole.rows, whole


def _short(folder: Path, episodes: int) -> Assembled:
    """A dataset of short episodes."""
    game = game_in(folder, f"env.max_episode_steps={SHORT}")
    return assembled(game, [game.play(first, FEW) for first in range(0, episodes, FEW)])


def echo(task: Any) -> Any:
    """A task without work."""
    return task


def dispatch_seconds(task: Any, count: int = 2000) -> float:
    """The driver's own, for something that goes to a worker and comes back."""
    with open_workers(ParallelConfig(backend="loky", n_jobs=2)) as workers:
        list(workers.run(echo, [task] * 100))
        return _seconds(lambda: list(workers.run(echo, [task] * count))) / count


def _count_seconds(summary: ChunkSummary, count: int = 2000) -> float:
    with Reporter("", "", wanted=10**9) as reporter:
        return _seconds(lambda: deque(map(reporter.add, [summary] * count), maxlen=0)) / count
