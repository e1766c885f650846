"""A dataset whose files are written by workers, as soon as it is known what they hold."""

from __future__ import annotations

import heapq
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from builder.dataset.collation import Collation
from builder.dataset.columns import FOLDERS
from builder.dataset.distinct import MOST_STEPS
from builder.dataset.ledger import Figures, Ledger, Portion, Stream
from builder.dataset.shard_tasks import EpisodesTask, Form, ShardTask, SharedTask, Written
from builder.dataset.writer import shard_rows
from builder.errors import storage_error
from builder.manifest.manifest import Distinct, FileEntry, Manifest, Split, seal
from builder.rollout.summary import ChunkSummary
from builder.storage.durable import make_folder
from builder.storage.layout import SHARDS
from builder.storage.left_overs import remove_shards

TASK_ROWS = 1 << 20
Other = TypeVar("Other")
Run = Callable[[Iterable[Any]], Iterator[Any]]
"""Has workers do tasks, and gives what they answer, in whatever order."""


class Assembly:
    """The files of a dataset on their way, in the folder of its recorded attempts.

    It is fed the summaries of chunks in whatever order they come. What they settle becomes tasks, which can
    be done between those that play; `finish` has what is left done.

    Args:
        plan: what is made of the chunks.
        folder: where these lie, on this machine or one that all workers see.
        task_rows: about how many rows a task has where files are small: each reads whole recorded files.

    Attributes:
        rows: how many are in files.
        finished: all is written.
    """

    def __init__(self, plan: Collation, folder: Path, *, task_rows: int = TASK_ROWS) -> None:
        self._plan, self._home = plan, folder.absolute()
        self._ledger = Ledger(plan)
        form = Form.of(plan, "transitions")
        rows = shard_rows(form.schema, form.packing)
        if rows is None:
            raise ValueError("where files end does not follow from lengths alone")  # see `is_for`
        self._shard_rows, self._shards_each = rows, max(1, task_rows // rows)
        self._waiting: list[tuple[int, int, ChunkSummary]] = []
        self._streams = {"train": Stream(), "test": Stream()}
        self._ready: deque[ShardTask] = deque()
        self._given: dict[tuple[str, int], ShardTask] = {}
        self._written: dict[str, dict[int, Written]] = {"train": {}, "test": {}}
        self._episodes: dict[str, Written] = {}
        self._shared: tuple[int, int] | tuple[None, None] = (None, None)
        self.rows = 0
        self.finished = False

    @staticmethod
    def is_for(plan: Collation) -> bool:
        """Whether it follows from lengths alone where the files of a dataset end."""
        form = Form.of(plan, "transitions")
        return shard_rows(form.schema, form.packing) is not None

    def add(self, summary: ChunkSummary) -> None:
        """Take in what is known of a chunk."""
        heapq.heappush(self._waiting, (summary.start, len(self._waiting), summary))
        while self._waiting and self._waiting[0][0] <= self._ledger.following and not self._ledger.full:
            self._admit(heapq.heappop(self._waiting)[-1])

    def _admit(self, chunk: ChunkSummary) -> None:
        attempts = np.arange(chunk.start, chunk.stop)
        admitted = self._ledger.admit(Figures(attempts, chunk.returns, chunk.lengths, chunk.digests))
        kept, lengths = attempts[admitted.keep], chunk.lengths[admitted.keep]
        for split, side in (("train", ~admitted.test), ("test", admitted.test)):
            stream = self._streams[split]
            if side.any():
                stream.add(
                    Portion(chunk.path, kept[side], admitted.ordinals[side], lengths[side], stream.rows)
                )
            each = self._shard_rows * self._shards_each
            while stream.rows - stream.taken >= each:
                self._take(split, stream.taken + each)
        if self._ledger.full:
            self._take_rest()

    def _take_rest(self) -> None:
        for split, stream in self._streams.items():
            if stream.rows > stream.taken:
                self._take(split, stream.rows)

    def _take(self, split: str, stop: int) -> None:
        """Make a task of the rows of a split up to one."""
        stream = self._streams[split]
        start = stream.taken
        self._ready.append(
            ShardTask(
                plan=self._plan,
                folder=self._folder(),
                split=split,
                first=start // self._shard_rows,
                start=start,
                stop=stop,
                portions=stream.take(stop),
                compared=bool(self._plan.every) and start <= MOST_STEPS,
            )
        )

    def _folder(self) -> Path:
        """Where workers write."""
        folder = self._home / SHARDS
        try:
            make_folder(folder)
        except OSError as error:
            raise storage_error(error, folder) from error
        return folder

    def between(self, tasks: Iterable[Other]) -> Iterator[Other | ShardTask]:
        """Tasks, and before each what is ready here; to be asked for as workers become free.

        What was given out before, and has not come back, is given out again.
        """
        self._ready.extendleft(reversed(self._given.values()))
        self._given.clear()
        for task in tasks:
            yield from self._given_out()
            yield task
        yield from self._given_out()

    def _given_out(self) -> Iterator[ShardTask]:
        while self._ready:
            task = self._ready.popleft()
            self._given[task.split, task.first] = task
            yield task

    def take(self, written: Written) -> None:
        """Take in what a worker has written."""
        self._given.pop((written.split, written.first), None)
        self._written[written.split][written.first] = written
        self.rows += written.rows

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
        for written in run(self.between(())):
            self.take(written)
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

    @property
    def _splits(self) -> dict[str, Split]:
        streams = self._streams.items()
        return {name: Split(stream.episodes, stream.rows) for name, stream in streams if stream.episodes}

    def _parts(self, split: str) -> tuple[Path, ...]:
        """The folders of the files of a split, in their order."""
        return tuple(written.folder for _, written in sorted(self._written[split].items()))

    def assemble(self, folder: Path) -> Manifest:
        """Put the files in their place in the folder of the dataset, on the same file system, and seal it.

        Raises:
            StorageError: the disk is full or not writable.
        """
        known: dict[str, FileEntry] = {}
        for split in self._splits:
            steps = [written for _, written in sorted(self._written[split].items())]
            for table, parts in (("transitions", steps), ("episodes", [self._episodes[split]])):
                known |= _moved(parts, folder, f"{FOLDERS[table]}/{split}")
        distinct = Distinct(self._ledger.copies.episodes, *self._shared)
        beyond = sum(written.beyond_bounds for each in self._written.values() for written in each.values())
        return seal(self._ledger.manifest(self._splits, distinct, beyond), folder, known)

    def close(self) -> None:
        """Remove what workers have written and nobody has taken away."""
        remove_shards(self._home)


def _moved(parts: Sequence[Written], folder: Path, name: str) -> dict[str, FileEntry]:
    """Move files, numbered through; what is known of them, by their new paths in the folder."""
    files = [(written.folder / old, entry) for written in parts for old, entry in written.files.items()]
    known = {}
    for number, (path, entry) in enumerate(files):
        target = f"{name}-{number:05d}-of-{len(files):05d}.parquet"
        try:
            (folder / target).parent.mkdir(exist_ok=True)
            shutil.move(path, folder / target)
        except OSError as error:
            raise storage_error(error, folder / target) from error
        known[target] = entry
    return known
