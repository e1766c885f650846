"""What is put together of what the tasks of steps have left: the table "episodes", and shared steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from builder.dataset.collation import Collation
from builder.dataset.distinct import count_shared
from builder.dataset.shard_tasks import Form
from builder.dataset.tries import Written, episodes_file, own_folder, steps_file, written
from builder.dataset.writer import ShardWriter


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
    folder: Path
    split: str
    parts: tuple[Path, ...]

    def do(self) -> Written:
        """Write the files.

        Raises:
            StorageError: the disk is full or not writable.
        """
        folder, form = own_folder(self.folder, self.split, 0), Form.of(self.plan, "episodes")
        with ShardWriter(folder, self.split, schema=form.schema, packing=form.packing) as shards:
            for path in (episodes_file(part, self.split) for part in self.parts):
                if not path.exists():  # none begins there
                    continue
                with pa.ipc.open_file(path) as file:
                    for number in range(file.num_record_batches):
                        shards.write(pa.Table.from_batches([file.get_batch(number)], form.schema))
        return written(0, self.split, folder, shards)


@dataclass(frozen=True)
class SharedTask:
    """How many different steps the split `test` has, and how many of these are in `train` too.

    Attributes:
        train: the folders of its files of steps.
        test: likewise.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...]

    def do(self) -> tuple[int, int]:
        """Count them."""
        digests = {
            split: [np.load(path) for part in parts if (path := steps_file(part, split)).exists()]
            for split, parts in (("train", self.train), ("test", self.test))
        }
        return count_shared(digests["train"], digests["test"])
