"""Files of a dataset, written by whoever is free (`test_assembly` holds their bytes against one writer's)."""

import dataclasses

import gymnasium as gym
import pyarrow.parquet as pq
import pytest
from folders import names
from recordings import SPACES, shard_task

from builder.dataset.collation import Collation
from builder.dataset.shard_tasks import EncodeTask, PackTask
from builder.errors import SpaceError
from builder.manifest.manifest import FileEntry
from builder.parallel.cancellation import cancel
from builder.rollout.engine import Interrupted
from builder.storage.digest import file_sha256


def test_a_file_holds_its_rows_and_is_known_by_its_sha256(tmp_path):
    written = shard_task(tmp_path, 1, 5).do()
    ((name, entry),) = written.files.items()
    path = written.folder / name
    assert pq.read_table(path)["step_index"].to_pylist() == [1, 0, 0, 1]
    assert entry == FileEntry(file_sha256(path), path.stat().st_size)
    assert (written.split, written.first, written.rows) == ("train", 0, 4)


def test_rows_are_encoded_first_where_that_tells_their_size(tmp_path):
    whole = shard_task(tmp_path)
    fields = [getattr(whole, field.name) for field in dataclasses.fields(whole)]
    encoded = EncodeTask(*fields).do()
    assert encoded.sizes == ((6 * (5 * 64 + 2)) // 8,)
    written = PackTask(whole.plan, tmp_path, "train", 0, ((encoded.folder, 0),)).do()
    assert written.files == whole.do().files


def test_an_action_that_the_space_does_not_have_is_refused(tmp_path):
    plan = Collation({}, "mine", SPACES.observation, gym.spaces.Discrete(1))
    with pytest.raises(SpaceError, match="attempt 3 recorded, at step 1, an action"):
        shard_task(tmp_path, plan=plan).do()


def test_a_task_stops_when_it_is_asked_to(tmp_path):
    cancel()
    try:
        with pytest.raises(Interrupted):
            shard_task(tmp_path).do()
    finally:
        cancel(stop=False)
    (own,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert names(own) == []
