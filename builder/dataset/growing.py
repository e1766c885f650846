"""Files of a dataset that are begun while their last rows are still being played.

A file is encoded by one worker, for seconds where it is full, and for the last ones all others would wait. So
these are begun before their last row is played, and whoever writes one is told of its episodes as they become
known, by small files in a folder of their own. Where nothing more is played for now, the writer gives up, and
begins again with what is played next, or once all is known.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from builder.dataset.ledger import Portion
from builder.dataset.shard_tasks import RowsTask, write_shards
from builder.dataset.tries import Written, own_folder
from builder.dataset.writer import storage_errors
from builder.errors import DatasetError
from builder.rollout.summary import ChunkSummary
from builder.storage.paths import local_path

ENCODED = 130 * 10**6
"""Uncompressed bytes that a worker encodes in a second, about: CartPole's."""
WORTH = 32 * 10**6
"""Uncompressed bytes of a file that is begun early at the least."""
QUEUED = 2
"""Tasks of each worker that were given out before, and are done before a new one is begun, about."""
PATIENCE = 10.0
"""Seconds that a writer waits to be told of more."""
POLL = 0.02
"""Seconds between two looks."""


@dataclass(frozen=True)
class Postponed:
    """A file was given up, since its rows were not played for now.

    Attributes:
        split: the name of the split.
        first: the number of the first file.
    """

    split: str
    first: int


@dataclass(frozen=True, kw_only=True)
class GrowingTask(RowsTask):
    """A file of steps of which more become known while it is written.

    Attributes:
        told: the folder where its episodes are told.
    """

    told: Path

    @property
    def ended(self) -> bool:
        """Whether all is told."""
        return _ended(self.told, self.split).exists()

    def do(self) -> Written | Postponed:
        """Write the files; see `ShardTask`.

        Raises:
            DatasetError: what was told is damaged, or as `ShardTask` says.
        """
        try:
            return write_shards(self)
        except _GivenUp:
            return Postponed(self.split, self.first)

    def episodes(self) -> Iterator[Portion]:
        """Its portions, as they are told."""
        number, deadline = 0, time.monotonic() + PATIENCE
        while True:
            ended = self.ended  # looked at first: all is told before it
            if not ended and (_held(self.told, self.split).exists() or time.monotonic() > deadline):
                raise _GivenUp
            if (path := _piece(self.told, self.split, number)).exists():
                yield _read(path)
                number, deadline = number + 1, time.monotonic() + PATIENCE
            elif ended:
                self._check_told(number)
                return
            else:
                time.sleep(POLL)

    def _check_told(self, number: int) -> None:
        with storage_errors(self.told):
            if _ended(self.told, self.split).read_text() != str(number):
                raise damaged(self.told)


def damaged(told: Path) -> DatasetError:
    """Somebody else has been at what a writer is told."""
    return DatasetError(f"{told} is damaged", remedy="run the same command again")


class _GivenUp(Exception):  # noqa: N818  (it is no error)
    """Nothing more is told for now."""


class Pace:
    """When a file should be begun: when encoding it takes as long as playing what it lacks.

    Args:
        row_bytes: of a row, uncompressed.
    """

    def __init__(self, row_bytes: float) -> None:
        self._row_bytes, self._rows, self._seconds = row_bytes, 0, 0.0
        self._last: tuple[int, float] = (0, 0.0)

    def add(self, summary: ChunkSummary) -> None:
        """Take in what a chunk took; one that was there already says nothing of that."""
        if summary.seconds:
            self._last = int(summary.lengths.sum()), summary.seconds
            self._rows, self._seconds = self._rows + self._last[0], self._seconds + self._last[1]

    def is_time(self, players: int, left: float, expected: float) -> bool:
        """Whether a file should be begun now.

        Args:
            players: workers that play while another one writes.
            left: rows that are to be played before it has to be there, those of rejected attempts among them.
            expected: rows of the file.
        """
        size, (rows, seconds) = expected * self._row_bytes, self._last
        if not self._rows or size < WORTH or seconds > size / ENCODED:  # a slow chunk would be waited for
            return False
        queued = QUEUED * players * rows
        return (left - queued) * self._seconds / self._rows / players <= size / ENCODED


class Growing:
    """The files that are begun early, and what is told of them, to one after the other.

    Args:
        row_bytes: of a row, uncompressed.

    Attributes:
        pace: when one should be begun.
    """

    def __init__(self, row_bytes: float) -> None:
        self.pace = Pace(row_bytes)
        self._tasks: dict[str, deque[GrowingTask]] = {"train": deque(), "test": deque()}
        self._told: dict[Path, int] = {}
        self._postponed: dict[Path, GrowingTask] = {}

    @property
    def count(self) -> int:
        """How many there are of which not all is told."""
        return sum(map(len, self._tasks.values()))

    def first(self, split: str) -> GrowingTask | None:
        """The one that is told now."""
        return self._tasks[split][0] if self._tasks[split] else None

    def stop(self, split: str, taken: int) -> int:
        """One past the last row of the last one; without any, of the rows that were taken."""
        return self._tasks[split][-1].stop if self._tasks[split] else taken

    def begin(self, rows: RowsTask) -> GrowingTask:
        """The task that writes one more.

        Args:
            rows: those that it may hold, without portions.
        """
        told = own_folder(local_path(rows.folder, "a file that grows"), rows.split, rows.first)
        fields = {field.name: getattr(rows, field.name) for field in dataclasses.fields(rows)}
        task = GrowingTask(**fields, told=told)
        self._tasks[rows.split].append(task)
        return task

    def tell(self, split: str, portions: Iterable[Portion]) -> None:
        """Tell the first one of the episodes that come next."""
        told = self._tasks[split][0].told
        for number, portion in enumerate(portions, self._told.get(told, 0)):
            _write(_piece(told, split, number), _text(portion))
            self._told[told] = number + 1

    def end(self, split: str) -> list[GrowingTask]:
        """Tell the first one that there are no more; it comes back if it has been given up."""
        told = self._tasks[split].popleft().told
        _write(_ended(told, split), str(self._told.get(told, 0)))
        return [self._postponed.pop(told)] if told in self._postponed else []

    def hold(self) -> None:
        """Tell that nothing more is played for now."""
        for split, tasks in self._tasks.items():
            for task in tasks:
                _write(_held(task.told, split))

    def resume(self) -> list[GrowingTask]:
        """Those that were given up, now that more is played."""
        for split, tasks in self._tasks.items():
            for task in tasks:
                with storage_errors(task.told):
                    _held(task.told, split).unlink(missing_ok=True)
        again = list(self._postponed.values())
        self._postponed.clear()
        return again

    def postpone(self, task: GrowingTask) -> list[GrowingTask]:
        """Take in that one was given up; it comes back if all is told already.

        Raises:
            DatasetError: what was told is damaged.
        """
        if task in self._tasks[task.split]:
            self._postponed[task.told] = task
            return []
        if not task.ended:
            raise damaged(task.told)
        return [task]


def _write(path: Path, text: str = "") -> None:
    """Write a file that is there as a whole, or not; it need not outlive the machine."""
    partial = path.with_name(f".{path.stem}.partial")
    with storage_errors(path):
        partial.write_text(text)
        partial.rename(path)


def _piece(told: Path, split: str, number: int) -> Path:
    return told / f"{split}-{number:05d}.told"


def _ended(told: Path, split: str) -> Path:
    return told / f"{split}.ended"


def _held(told: Path, split: str) -> Path:
    return told / f"{split}.held"


def _text(portion: Portion) -> str:
    lists = {name: getattr(portion, name).tolist() for name in ("attempts", "ordinals", "lengths")}
    return json.dumps({**lists, "path": str(portion.path), "first_row": portion.first_row})


def _read(path: Path) -> Portion:
    with storage_errors(path):
        text = path.read_text()
    try:
        known = json.loads(text)
        lists = {name: np.array(known[name], np.int64) for name in ("attempts", "ordinals", "lengths")}
        return Portion(path=Path(known["path"]), first_row=known["first_row"], **lists)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path.parent) from error
