"""Files of a dataset, written by whoever is free (`test_assembly` holds their bytes against one writer's)."""

import dataclasses

import gymnasium as gym
import numpy as np
import pyarrow.parquet as pq
import pytest
from folders import names
from recordings import SPACES, recording_of

from builder.dataset.collation import Collation
from builder.dataset.ledger import Portion
from builder.dataset.shard_tasks import EncodeTask, EpisodesTask, PackTask, ShardTask, SharedTask
from builder.episodes.recording_file import Header, write_recording
from builder.errors import SpaceError, StorageError
from builder.manifest.manifest import FileEntry
from builder.parallel.cancellation import cancel
from builder.rollout.engine import Interrupted
from builder.storage.digest import file_sha256

LENGTHS = (2, 1, 3)


def task(folder, start=0, stop=6, *, plan=None, compared=False):
    """Rows of three recorded episodes, attempts 3 to 5."""
    path = folder / "chunk"
    write_recording(recording_of(LENGTHS), path, Header("", 3, 6, "mine"))
    portion = Portion(path, np.arange(3, 6), np.arange(3), np.array(LENGTHS), 0)
    plan = plan or Collation({}, "mine", *SPACES)
    return ShardTask(plan, folder, "train", 0, start, stop, (portion,), compared)


def test_a_file_holds_its_rows_and_is_known_by_its_sha256(tmp_path):
    written = task(tmp_path, 1, 5).do()
    ((name, entry),) = written.files.items()
    path = written.folder / name
    assert pq.read_table(path)["step_index"].to_pylist() == [1, 0, 0, 1]
    assert entry == FileEntry(file_sha256(path), path.stat().st_size)
    assert (written.split, written.first, written.rows) == ("train", 0, 4)


def test_episodes_are_of_the_file_in_which_they_begin(tmp_path):
    parts = [task(tmp_path, start, stop).do() for start, stop in ((0, 1), (1, 2), (2, 6))]
    plan = Collation({}, "mine", *SPACES)
    written = EpisodesTask(plan, tmp_path, "train", tuple(part.folder for part in parts)).do()
    assert ["train.arrow" in names(part.folder) for part in parts] == [True, False, True]
    table = pq.read_table(written.folder / next(iter(written.files)))
    assert table["length"].to_pylist() == [2, 1, 3]
    assert table["row_start"].to_pylist() == [0, 2, 3]


def test_rows_are_encoded_first_where_that_tells_their_size(tmp_path):
    whole = task(tmp_path)
    fields = [getattr(whole, field.name) for field in dataclasses.fields(whole)]
    encoded = EncodeTask(*fields).do()
    assert encoded.sizes == ((6 * (5 * 64 + 2)) // 8,)
    written = PackTask(whole.plan, tmp_path, "train", 0, ((encoded.folder, 0),)).do()
    assert written.files == whole.do().files


def test_steps_that_both_splits_have_are_counted(tmp_path):
    one = task(tmp_path, compared=True).do().folder
    (other := tmp_path / "other").mkdir()
    np.save(other / "test.npy", np.append(np.load(one / "train.npy")[:2], np.uint64(7)))
    assert SharedTask((one,), (other, tmp_path)).do() == (3, 2)


def test_an_action_that_the_space_does_not_have_is_refused(tmp_path):
    plan = Collation({}, "mine", SPACES.observation, gym.spaces.Discrete(1))
    with pytest.raises(SpaceError, match="attempt 3 recorded, at step 1, an action"):
        task(tmp_path, plan=plan).do()


def test_a_folder_that_is_gone_is_one_clear_error(tmp_path):
    lost = task(tmp_path)
    with pytest.raises(StorageError):
        ShardTask(lost.plan, tmp_path / "gone", "train", 0, 0, 6, lost.portions).do()


def test_a_task_stops_when_it_is_asked_to(tmp_path):
    cancel()
    try:
        with pytest.raises(Interrupted):
            task(tmp_path).do()
    finally:
        cancel(stop=False)
    (own,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert names(own) == []
