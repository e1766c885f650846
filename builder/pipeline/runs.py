"""The two kinds of play: chunks of the built-in `enjoy`, attempts of a user's own with their journal."""

from __future__ import annotations

import dataclasses
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builder.card import write_card
from builder.dataset.assembly import Assembly, FileTask
from builder.dataset.collation import described_in
from builder.dataset.shard_tasks import EpisodesTask, Pause, SharedTask
from builder.episodes.context import Context
from builder.episodes.recording_file import SUFFIX
from builder.experts.actor import pack
from builder.experts.seats import Seat, seats_of
from builder.parallel.auto import Trial, run_measured
from builder.parallel.backends import open_workers
from builder.parallel.workers import Workers
from builder.pipeline.build import Build
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.enjoy import AttemptTask, EnjoyFunction, Given, attempt_summary, play_attempt
from builder.rollout.enjoy import release as release_expert
from builder.rollout.handed import Handed
from builder.rollout.planning import (
    CHUNK_BYTES,
    LANES_PER_CHUNK,
    Played,
    attempt_seconds,
    chunk_size,
    gaps,
    settled_size,
    split,
)
from builder.rollout.rules import Rules
from builder.rollout.summary import ChunkSummary
from builder.rollout.worker import Again, ChunkTask, Setup, play_again, play_chunk, release
from builder.storage.digest import file_sha256
from builder.storage.layout import ATTEMPT, HANDED, JOURNAL
from builder.storage.left_overs import remove_parts
from builder.storage.paths import AnyPath, local_path, write_whole
from builder.storage.plain_json import parse_json
from builder.storage.tree import is_file
from builder.values import resolved

log = logging.getLogger(__name__)


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
        build, missing = self._build, gaps(self.summaries, horizon)
        lanes = build.config.rollout.most_lanes
        size = chunk_size(
            sum(map(len, missing)),
            lanes=lanes,
            workers=workers.count,
            attempt_bytes=self._attempt_bytes(),
            attempt_seconds=attempt_seconds(self.summaries),
        )
        least = None if workers.count == 1 else min(lanes, size)
        chunks = _Counted(split(missing, size, workers=workers.count, least=least))
        tasks = (
            ChunkTask(self._setup, chunk.start, chunk.stop, self._store.path(chunk).absolute())
            for chunk in chunks
        )
        played = 0

        def awaited() -> bool:
            return workers.count > 1 and played < chunks.given

        given = self.assembly.between(tasks, awaited) if self.assembly else tasks
        for answer in workers.run(work, given):
            if isinstance(answer, ChunkSummary):
                played += 1
                self.summaries.append(answer.judged(build.config.acceptance))
                self._settle_in(self.summaries[-1])
                yield self.summaries[-1]
            elif self.assembly and answer is not None:
                self.assembly.take(answer)

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


class _Counted:
    """Chunks that are laid out as they are asked for.

    Attributes:
        given: how many have been.
    """

    def __init__(self, chunks: Iterator[range]) -> None:
        self._chunks, self.given = chunks, 0

    def __iter__(self) -> Iterator[range]:
        for chunk in self._chunks:
            self.given += 1
            yield chunk


def assembly_of(build: Build, store: ChunkStore) -> Assembly | None:
    """What puts the dataset together while it is played; None: that is done afterwards, or not at all."""
    if build.own or build.config.mode == "play" or not isinstance(store.folder, Path):
        return None
    plan = described_in(store.folder)
    return Assembly(plan, store.folder) if plan else None


def work(task: ChunkTask | FileTask | EpisodesTask | SharedTask | Pause) -> Any:
    """What a worker does: it plays a chunk, writes files of the dataset, or pauses."""
    return play_chunk(task) if isinstance(task, ChunkTask) else task.do()


class AttemptRun:
    """Attempts of a user's own `enjoy`, and the journal of what it said of each."""

    def __init__(self, build: Build, store: ChunkStore, own: EnjoyFunction) -> None:
        self._build, self._store, self._enjoy = build, store, own
        self._folder = local_path(store.folder, "enjoy")
        self._journal = self._folder / JOURNAL
        self.summaries = self._resumed() if build.pinned else []
        self._expert = self._handed()
        known = {summary.path for summary in self.summaries}
        remove_parts(self._folder)
        for path in sorted(self._folder.iterdir()):
            ours = ATTEMPT.fullmatch(path.name) or HANDED.fullmatch(path.name)
            if path not in known and ours and is_file(path):
                path.unlink()
        write_whole(self._journal, "".join(_journal_line(summary) for summary in self.summaries))

    def _handed(self) -> Handed:
        """The expert as `enjoy` gets it: called after what it plays, asked as the built-in one asks it."""
        build = self._build
        spec = build.environment
        policy = dataclasses.replace(build.expert.policy, name=spec.id, env_kwargs=resolved(spec.kwargs))
        usual = Seat(build.player, spec, build.observation_space, build.action_space)
        seats = seats_of(build.expert, build.config.rollout, usual)
        token = uuid.uuid4().hex
        given = Given(policy, seats, build.expert.name, build.config.rollout)
        return Handed(given, self._folder.absolute() / f"expert-{token}", token)

    def _resumed(self) -> list[ChunkSummary]:
        if not self._journal.is_file():
            return []
        found = []
        for line in self._journal.read_text().splitlines():
            try:
                entry = parse_json(line.encode())
            except ValueError:  # a build that was killed while it wrote this line
                continue
            if not _is_entry(entry):
                continue
            path = self._folder / entry["file"]
            if not entry["accepted"] or (path.is_file() and file_sha256(path) == entry["sha256"]):
                found.append(attempt_summary(entry["attempt"], path, accepted=entry["accepted"]))
            elif path.is_file():
                log.warning("%s is damaged; its attempt is played again", path)
        return found

    def run(self, workers: Workers, horizon: int) -> Iterator[ChunkSummary]:
        """Play what is missing below the horizon."""
        build = self._build
        tasks = (
            AttemptTask(
                self._enjoy,
                self._folder.absolute() / f"attempt-{index:08d}{SUFFIX}",
                Context(index, build.config.seed),
                self._expert,
                build.config.rollout.on_error == "reject",
            )
            for gap in gaps(self.summaries, horizon)
            for index in gap
        )
        for summary in workers.run(play_attempt, tasks):
            with self._journal.open("a") as journal:
                journal.write(_journal_line(summary))
            self.summaries.append(summary)
            yield summary

    def release(self, workers: Workers) -> None:
        """Let go what the workers keep for the build."""
        workers.everywhere(release_expert, self._expert.token)

    def close(self) -> None:
        """Let go what this process keeps for the build."""
        release_expert(self._expert.token)
        self._expert.remove()

    collated = 0
    assembly = None

    def finish(self, workers: Workers) -> None:
        """Nothing: the dataset is put together afterwards."""

    def discard(self) -> None:
        """Nothing."""

    def files(self, played: Played) -> list[AnyPath]:
        """The recorded files of the accepted attempts that are wanted."""
        wanted = set(played.chosen.tolist())
        ordered = sorted(self.summaries, key=lambda attempt: attempt.start)
        return [summary.path for summary in ordered if summary.start in wanted]


def _is_entry(entry: Any) -> bool:
    """Whether a line of the journal is one of ours: its attempt, its file, and what `enjoy` said."""
    if not isinstance(entry, dict):
        return False
    kinds = {"attempt": int, "file": str, "accepted": bool}
    known = all(type(entry.get(key)) is kind for key, kind in kinds.items())
    named = known and ATTEMPT.fullmatch(entry["file"]) is not None and entry["attempt"] >= 0
    return named and (not entry["accepted"] or isinstance(entry.get("sha256"), str))


def _journal_line(summary: ChunkSummary) -> str:
    accepted = bool(summary.accepted[0])
    entry = {"attempt": summary.start, "accepted": accepted, "file": summary.path.name}
    if accepted:
        entry["sha256"] = file_sha256(local_path(summary.path, "enjoy"))
    return json.dumps(entry) + "\n"
