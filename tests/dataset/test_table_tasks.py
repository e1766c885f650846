"""What is put together of what the tasks of steps have left."""

import numpy as np
import pyarrow.parquet as pq
from folders import names
from recordings import SPACES, shard_task

from builder.dataset.collation import Collation
from builder.dataset.table_tasks import EpisodesTask, SharedTask


def test_episodes_are_of_the_file_in_which_they_begin(tmp_path):
    parts = [shard_task(tmp_path, start, stop).do() for start, stop in ((0, 1), (1, 2), (2, 6))]
    plan = Collation({}, "mine", *SPACES)
    written = EpisodesTask(plan, tmp_path, "train", tuple(part.folder for part in parts)).do()
    assert ["train.arrow" in names(part.folder) for part in parts] == [True, False, True]
    table = pq.read_table(written.folder / next(iter(written.files)))
    assert table["length"].to_pylist() == [2, 1, 3]
    assert table["row_start"].to_pylist() == [0, 2, 3]


def test_steps_that_both_splits_have_are_counted(tmp_path):
    one = shard_task(tmp_path, compared=True).do().folder
    (other := tmp_path / "other").mkdir()
    np.save(other / "test.npy", np.append(np.load(one / "train.npy")[:2], np.uint64(7)))
    assert SharedTask((one,), (other, tmp_path)).do() == (3, 2)
