"""What is put together of what the tasks of steps have left: the table "episodes", and shared steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from builder.dataset.collation import Collation
from builder.dataset.distinct import count_shared
from builder.dataset.shard_tasks import Form
from builder.dataset.tries import Written, begun, episodes_file, steps_file
from builder.dataset.writer import ShardWriter
from builder.storage.paths import AnyPath, local_copy


@dataclass(frozen=True)
class EpisodesTask:
    """The files of a split's table "episodes".

    Attributes:
        plan: what is made of the recorded files.
        folder: where the worker makes its own.
        split: the name of the split.
        parts: the folders of its files of steps, in their order.
    """

    plan: Collation
    folder: AnyPath
    split: str
    parts: tuple[AnyPath, ...]

    def do(self) -> Written:
        """Write the files.

        Raises:
            StorageError: the disk is full or not writable.
        """
        form = Form.of(self.plan, "episodes")
        with begun(self.folder, self.split, 0) as own:
            with ShardWriter(own.here, self.split, schema=form.schema, packing=form.packing) as shards:
                for path in _there(self.parts, episodes_file(self.split)):
                    with pa.ipc.open_file(path) as file:
                        for number in range(file.num_record_batches):
                            shards.write(pa.Table.from_batches([file.get_batch(number)], form.schema))
            return own.written(0, self.split, shards)


@dataclass(frozen=True)
class SharedTask:
    """How many different steps the split `test` has, and how many of these are in `train` too.

    Attributes:
        train: the folders of its files of steps.
        test: likewise.
    """

    train: tuple[AnyPath, ...]
    test: tuple[AnyPath, ...]

    def do(self) -> tuple[int, int]:
        """Count them."""
        digests = {
            split: [np.load(path) for path in _there(parts, steps_file(split))]
            for split, parts in (("train", self.train), ("test", self.test))
        }
        return count_shared(digests["train"], digests["test"])


def _there(parts: Sequence[AnyPath], name: str) -> Iterator[Path]:
    """The files of a name in the folders that have one, in their order, each here while it is looked at."""
    for path in (part / name for part in parts):
        if path.exists():  # else no episode begins there
            with local_copy(path) as copy:
                yield copy
