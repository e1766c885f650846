"""Chunks of the built-in `enjoy`, and the files of the dataset that workers make of them meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from builder.card import write_card
from builder.dataset.assembly import Assembly, FileTask
from builder.dataset.collation import described_in
from builder.dataset.shard_tasks import Pause
from builder.dataset.table_tasks import EpisodesTask, SharedTask
from builder.experts.actor import pack
from builder.parallel.auto import Trial, run_measured
from builder.parallel.backends import open_workers
from builder.parallel.workers import Workers
from builder.pipeline.build import Build
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.planning import (
    CHUNK_BYTES,
    LANES_PER_CHUNK,
    Played,
    attempt_seconds,
    chunks_of,
    gaps,
    settled_size,
)
from builder.rollout.rules import Rules
from builder.rollout.summary import ChunkSummary
from builder.rollout.worker import Again, ChunkTask, Setup, play_again, play_chunk, release
from builder.storage.paths import AnyPath

PAUSING = 128
"""The most workers that pause for what may become ready: each asks for another task soon."""
HERE = ("auto", "loky")
"""Backends whose workers are processes of this machine, which see at once what is written."""


class ChunkRun:
    """Chunks of the built-in `enjoy`: what is there, and the tasks that play what is missing.

    Args:
        build: what is played.
        store: where it is recorded.
        assembly: what puts the dataset together while it is played; None: nothing does.
    """

    def __init__(self, build: Build, store: ChunkStore, assembly: Assembly | None = None) -> None:
        self._build, self._store = build, store
        if not build.pinned:
            # Chunks of an expert that may have changed are worth nothing.
            for path in store.files():
                path.unlink()
        config = build.config
        rules = Rules.of(config.rollout)
        self.summaries = [chunk.judged(config.acceptance) for chunk in store.scan(failed=rules.reject)]
        self.assembly = assembly
        for summary in self.summaries:
            self._settle_in(summary)
        self._setup = Setup(
            identity=store.identity,
            environment=build.environment,
            player=pack(build.player),
            policy=build.expert.name,
            root_seed=config.seed,
            lanes=config.rollout.lanes,
            rules=rules,
            annotations=build.annotations,
            interference=pack(build.interference) if build.interference else b"",
        )

    def run(self, workers: Workers, horizon: int) -> Iterator[ChunkSummary]:
        """Play what is missing below the horizon."""
        assembly, missing = self.assembly, gaps(self.summaries, horizon)
        left = sum(map(len, missing))
        tasks = self._tasks(missing, workers.count)
        if assembly:
            here = self._build.config.parallel.backend in HERE and isinstance(self._store.root, Path)
            assembly.players = workers.count if here else 0
            pausing = 1 < workers.count <= PAUSING
            tasks = assembly.between(tasks, lambda: pausing and left > 0)
        for answer in workers.run(work, tasks):
            if isinstance(answer, ChunkSummary):
                left -= len(answer.returns)
                self.summaries.append(answer.judged(self._build.config.acceptance))
                self._settle_in(self.summaries[-1])
                if assembly and not left:
                    assembly.hold()
                yield self.summaries[-1]
            elif assembly and answer is not None:
                assembly.take(answer)

    def _tasks(self, missing: Sequence[range], workers: int) -> Iterator[Any]:
        chunks = chunks_of(
            missing,
            lanes=self._build.config.rollout.most_lanes,
            workers=workers,
            attempt_bytes=self._attempt_bytes(),
            attempt_seconds=attempt_seconds(self.summaries),
        )
        for chunk in chunks:
            yield ChunkTask(self._setup, chunk.start, chunk.stop, self._store.path(chunk).absolute())

    def _settle_in(self, summary: ChunkSummary) -> None:
        if self.assembly:
            self.assembly.add(summary)

    @property
    def collated(self) -> int:
        """How many steps are in files of the dataset."""
        return self.assembly.rows if self.assembly else 0

    def finish(self, workers: Workers) -> None:
        """Have workers write what is left of the dataset's files, where they write them at all."""
        if self.assembly and not self.assembly.finished:
            self.assembly.finish(lambda tasks: run_measured(workers, work, list(tasks)))

    def collate(self, path: str, _: list[str]) -> bool:
        """Put what workers have written together in the folder `path`: a `CollateFunction`."""
        if self.assembly is None:
            raise ValueError("nothing is written by workers")
        if not self.assembly.finished:
            config = self._build.config
            with open_workers(config.parallel, shared=self._store.root) as workers:
                self.finish(workers)
        self.assembly.assemble(Path(path))
        write_card(Path(path))
        return True

    def trial(self, played: ChunkSummary) -> Trial:
        """What a process must be able to do before it plays: a second of this chunk, with the same outcome.

        A chunk is held twice in memory.
        """
        count, largest = len(played.returns), self._build.config.rollout.most_lanes * LANES_PER_CHUNK
        again = max(1, min(count, int(count / played.seconds)))
        start, returns, digests = played.start, played.returns[:again], played.digests[:again]
        return Trial(
            play_again,
            Again(self._setup, start, start + again, returns, digests),
            seconds=again / count * played.seconds,
            more_bytes=2 * min(largest * self._attempt_bytes(), CHUNK_BYTES),
        )

    def release(self, workers: Workers) -> None:
        """Let go what the workers keep for the build."""
        workers.everywhere(release, self._setup.token)

    def close(self) -> None:
        """Let go what this process keeps for the build."""
        release(self._setup.token)

    def discard(self) -> None:
        """Remove what workers have written of the dataset, and nobody has taken away."""
        if self.assembly:
            self.assembly.close()

    def settle(self, played: Played) -> None:
        """Leave the store as any build with the same attempts leaves it, whatever the chunks of this one."""
        last = int(played.chosen[-1])
        self._store.settle(last + 1, settled_size(self._attempt_bytes()))

    def _attempt_bytes(self) -> float:
        """What an attempt takes in memory at the most."""
        build = self._build
        return float(build.step_bytes * (build.environment.max_episode_steps or 1))

    def files(self, played: Played) -> list[AnyPath]:
        """The files up to the last accepted attempt that is wanted."""
        last = int(played.chosen[-1])
        ordered = sorted(self.summaries, key=lambda chunk: chunk.start)
        return [summary.path for summary in ordered if summary.start <= last]


def assembly_of(build: Build, store: ChunkStore) -> Assembly | None:
    """What puts the dataset together while it is played; None: that is done afterwards, or not at all."""
    if build.own or build.config.mode == "play":
        return None
    plan = described_in(store.folder)
    return Assembly(plan, store.folder) if plan else None


def work(task: ChunkTask | FileTask | EpisodesTask | SharedTask | Pause) -> Any:
    """What a worker does: it plays a chunk, writes files of the dataset, or pauses."""
    return play_chunk(task) if isinstance(task, ChunkTask) else task.do()
