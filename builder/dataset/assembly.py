"""A dataset whose files are written by workers, as soon as it is known what they hold."""

from __future__ import annotations

import heapq
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from builder.dataset.borders import Borders, Groups
from builder.dataset.collation import Collation
from builder.dataset.columns import FOLDERS
from builder.dataset.distinct import MOST_STEPS
from builder.dataset.growing import Growing, GrowingTask, Postponed
from builder.dataset.ledger import Figures, Ledger, Portion, Stream
from builder.dataset.placing import place_files
from builder.dataset.shard_tasks import EncodeTask, Form, PackTask, Pause, RowsTask, ShardTask
from builder.dataset.table_tasks import EpisodesTask, SharedTask
from builder.dataset.tries import Encoded, Written
from builder.dataset.writer import row_bytes, row_group_rows, shard_rows
from builder.errors import BuilderError, storage_error
from builder.manifest.manifest import Distinct, FileEntry, Manifest, Split, seal
from builder.rollout.summary import ChunkSummary
from builder.storage.durable import make_folder
from builder.storage.layout import SHARDS
from builder.storage.left_overs import remove_shards
from builder.storage.paths import AnyPath
from builder.storage.remote_path import RemotePath

TASK_ROWS = 1 << 20
ENCODED = 1 << 7
"""A row that has to be encoded counts as so many others."""
Other = TypeVar("Other")
Of = TypeVar("Of", bound=RowsTask)
FileTask = ShardTask | GrowingTask | EncodeTask | PackTask
Run = Callable[[Iterable[Any]], Iterator[Any]]
"""Has workers do tasks, and gives what they answer, in whatever order."""


class Assembly:
    """The files of a dataset on their way, in the folder of its recorded attempts.

    It is fed the summaries of chunks in whatever order they come. What they settle becomes tasks, which can
    be done between those that play; `finish` has what is left done.

    Args:
        plan: what is made of the chunks.
        folder: where these lie: on this machine or one that all workers see, or behind a URL.
        task_rows: about how many rows a task has where files are small: each reads whole recorded files.

    Attributes:
        players: workers that play, and may write a file while its last rows are played; they see at once what
            this process writes. 0: none.
        rows: how many are in files.
        finished: all is written.
    """

    def __init__(self, plan: Collation, folder: AnyPath, *, task_rows: int = TASK_ROWS) -> None:
        self._plan, self._home = plan, folder.absolute()
        self._token = uuid.uuid4().hex
        self._ledger = Ledger(plan)
        form = Form.of(plan, "transitions")
        self._shard_rows = shard_rows(form.schema, form.packing)
        least = self._shard_rows or row_group_rows(form.schema, form.packing.most_rows)
        self._each = least * max(1, (task_rows if self._shard_rows else task_rows // ENCODED) // least)
        self._borders = {"train": Borders(plan.shard_size), "test": Borders(plan.shard_size)}
        self._waiting: list[tuple[int, int, ChunkSummary]] = []
        self._streams = {"train": Stream(), "test": Stream()}
        self._growing = Growing(row_bytes(form.schema))
        self._ready: deque[FileTask] = deque()
        self._given: dict[tuple[bool, str, int], FileTask] = {}
        self._begun: dict[str, dict[int, Written | Encoded]] = {"train": {}, "test": {}}
        self._written: dict[str, dict[int, Written]] = {"train": {}, "test": {}}
        self._episodes: dict[str, Written] = {}
        self._shared: tuple[int, int] | tuple[None, None] = (None, None)
        self.players = self.rows = self._played = 0
        self.finished = False

    def add(self, summary: ChunkSummary) -> None:
        """Take in what is known of a chunk."""
        self._growing.pace.add(summary)
        heapq.heappush(self._waiting, (summary.start, len(self._waiting), summary))
        while self._waiting and self._waiting[0][0] <= self._ledger.following and not self._ledger.full:
            self._admit(heapq.heappop(self._waiting)[-1])

    def _admit(self, chunk: ChunkSummary) -> None:
        self._played += int(chunk.lengths.sum())
        attempts = np.arange(chunk.start, chunk.stop)
        admitted = self._ledger.admit(Figures(attempts, chunk.returns, chunk.lengths, chunk.digests))
        kept, lengths = attempts[admitted.keep], chunk.lengths[admitted.keep]
        for split, side in (("train", ~admitted.test), ("test", admitted.test)):
            stream = self._streams[split]
            if side.any():
                stream.add(
                    Portion(chunk.path, kept[side], admitted.ordinals[side], lengths[side], stream.rows)
                )
            self._tell(split)
            while stream.rows - stream.taken >= self._each:
                self._take(split, stream.taken + self._each)
            self._begin_next(split)
        if self._ledger.full:
            self._take_rest()

    def _take_rest(self) -> None:
        for split, stream in self._streams.items():
            if stream.rows > stream.taken:
                self._take(split, stream.rows)
            while self._growing.first(split):
                self._ready.extend(self._growing.end(split))

    def _take(self, split: str, stop: int) -> None:
        """Make a task of the rows of a split up to one."""
        stream = self._streams[split]
        kind: type[ShardTask | EncodeTask] = ShardTask if self._shard_rows else EncodeTask
        rows, portions = range(stream.taken, stop), stream.take(stop)
        self._ready.append(self._task(kind, split, rows, portions))

    def _task(self, kind: type[Of], split: str, rows: range, portions: tuple[Portion, ...] = ()) -> Of:
        return kind(
            plan=self._plan,
            folder=self._folder(),
            split=split,
            first=rows.start // (self._shard_rows or self._each),
            start=rows.start,
            stop=rows.stop,
            portions=portions,
            compared=bool(self._plan.every) and rows.start <= MOST_STEPS,
        )

    def _begin_next(self, split: str) -> None:
        """Have the next file of a split begun, if it is time, though not all of its rows are known."""
        stream, wanted = self._streams[split], self._plan.episodes
        if not (stream.rows and self._shard_rows and wanted) or self._ledger.full:
            return
        expected = stream.rows * wanted / self._ledger.episodes
        start = self._growing.stop(split, stream.taken)
        stop = min(start + self._each, expected)
        # Where much comes after a file, it can be written meanwhile; of what is played, not all comes here.
        left = max(stop - stream.rows, expected - stop) * self._played / stream.rows
        playing = self.players - self._growing.count - 1
        if playing > 0 and self._growing.pace.is_time(playing, left, stop - start):
            rows = self._task(RowsTask, split, range(start, start + self._each))
            self._ready.append(self._growing.begin(rows))
            self._tell(split)

    def _tell(self, split: str) -> None:
        """Tell those who write files of a split early of the rows that have come."""
        stream = self._streams[split]
        while (task := self._growing.first(split)) and stream.taken < stream.rows:
            self._growing.tell(split, stream.take(min(stream.rows, task.stop)))
            if stream.taken == task.stop:
                self._ready.extend(self._growing.end(split))

    def hold(self) -> None:
        """Nothing more is played for now: nobody need wait for it."""
        self._growing.hold()

    def _folder(self) -> AnyPath:
        """Where workers write; behind a URL, whose lock can be lost unnoticed, each build has its own."""
        if isinstance(self._home, RemotePath):
            return self._home / SHARDS / self._token
        folder = self._home / SHARDS
        try:
            make_folder(folder)
        except OSError as error:
            raise storage_error(error, folder) from error
        return folder

    def between(
        self, tasks: Iterable[Other], awaited: Callable[[], bool] = lambda: False
    ) -> Iterator[Other | FileTask | Pause]:
        """Tasks, and before each what is ready here; to be asked for as workers become free.

        What was given out before, and has not come back or was given up, is given out again.

        Args:
            tasks: those of others.
            awaited: whether some of these are still being done, after which more may be ready: whoever is
                free then pauses, as long as files are written anyway.
        """
        self._ready.extendleft(reversed(self._given.values()))
        self._given.clear()
        self._ready.extend(self._growing.resume())
        for task in tasks:
            yield from self._given_out()
            yield task
        yield from self._given_out()
        while self._given and awaited():
            yield Pause()
            yield from self._given_out()

    def _given_out(self) -> Iterator[FileTask]:
        while self._ready:
            task = self._ready.popleft()
            self._given[isinstance(task, EncodeTask), task.split, task.first] = task
            yield task

    def take(self, answer: Written | Encoded | Postponed) -> None:
        """Take in what a worker has done."""
        encoded = isinstance(answer, Encoded)
        task = self._given.pop((encoded, answer.split, answer.first), None)
        if isinstance(answer, Postponed):
            self._ready.extend(self._growing.postpone(task) if isinstance(task, GrowingTask) else ())
            return
        if not isinstance(answer, Encoded):
            self._written[answer.split][answer.first] = answer
            self.rows += answer.rows
            self._borders[answer.split].written(answer.first, answer.split)
        if encoded or self._shard_rows:
            self._begun[answer.split][answer.first] = answer
        if isinstance(answer, Encoded):
            self._pack(answer.split, self._borders[answer.split].add(answer))

    def _pack(self, split: str, files: Iterable[tuple[int, Groups]]) -> None:
        self._ready.extend(PackTask(self._plan, self._folder(), split, *file) for file in files)

    def finish(self, run: Run) -> None:
        """Have workers do what is left.

        Args:
            run: gives what they answer, in whatever order.

        Raises:
            DatasetError: there are fewer accepted episodes than wanted, or a recorded file is damaged.
            SpaceError: an action is not of its space.
            StorageError: the disk is full or not writable.
        """
        self._ledger.check_full()
        self._take_rest()
        self._run_ready(run)
        for split, borders in self._borders.items():
            self._pack(split, borders.rest())
        self._run_ready(run)
        tasks: list[EpisodesTask | SharedTask] = [
            EpisodesTask(self._plan, self._folder(), split, self._parts(split)) for split in self._splits
        ]
        if self._plan.every and sum(stream.rows for stream in self._streams.values()) <= MOST_STEPS:
            tasks.append(SharedTask(self._parts("train"), self._parts("test")))
        for answer in run(tasks):
            if isinstance(answer, Written):
                self._episodes[answer.split] = answer
            else:
                self._shared = answer
        self.finished = True

    def _run_ready(self, run: Run) -> None:
        while self._ready or self._given:
            for answer in run(self.between(())):
                self.take(answer)

    @property
    def _splits(self) -> dict[str, Split]:
        streams = self._streams.items()
        return {name: Split(stream.episodes, stream.rows) for name, stream in streams if stream.episodes}

    def _parts(self, split: str) -> tuple[AnyPath, ...]:
        """Where workers have left the episodes of a split, in their order."""
        return tuple(answer.folder for _, answer in sorted(self._begun[split].items()))

    def assemble(self, folder: Path) -> Manifest:
        """Put the files in their place in the folder of the dataset, and seal it.

        Args:
            folder: on the same file system; where files are behind a URL, others stand in for them there.

        Raises:
            StorageError: the disk is full or not writable.
        """
        known: dict[str, FileEntry] = {}
        for split in self._splits:
            steps = [written for _, written in sorted(self._written[split].items())]
            known |= place_files(steps, folder, f"{FOLDERS['transitions']}/{split}")
            known |= place_files([self._episodes[split]], folder, f"{FOLDERS['episodes']}/{split}", read=True)
        distinct = Distinct(self._ledger.copies.episodes, *self._shared)
        beyond = sum(answer.beyond_bounds for each in self._begun.values() for answer in each.values())
        return seal(self._ledger.manifest(self._splits, distinct, beyond), folder, known)

    def close(self) -> None:
        """Remove what workers have written and nobody has taken away."""
        if isinstance(self._home, RemotePath):
            with suppress(BuilderError, OSError):  # the next build removes it
                (self._home / SHARDS / self._token).remove()
        else:
            remove_shards(self._home)
