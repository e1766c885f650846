"""Rows of a dataset folder, across row groups and files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import DatasetError
from builder.manifest.manifest import read_manifest, seal
from builder.replay.recorded import RecordedSplit, check_ranges

REWARDS = [[1.0, 2.0, 3.0], [4.0], [5.0, 6.0], [7.0, 8.0, 9.0, 10.0]]


@pytest.fixture
def split(dataset):
    """Ten steps in two files: row groups of 2, 2, 1 and of 3, 2."""
    folder = dataset(REWARDS)
    (path,) = (folder / "data").iterdir()
    steps = pq.read_table(path)
    path.unlink()
    for number, (first, last, size) in enumerate([(0, 5, 2), (5, 10, 3)]):
        target = folder / f"data/train-0000{number}-of-00002.parquet"
        pq.write_table(steps.slice(first, last - first), target, row_group_size=size)
    return RecordedSplit(folder, seal(read_manifest(folder), folder), "train")


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (0, 1), (1, 4), (4, 6), (5, 5), (7, 10), (9, 10)])
def test_any_range_of_steps_can_be_read(split, start, stop):
    assert split.steps(start, stop)["reward"].to_pylist() == [float(row + 1) for row in range(start, stop)]


def test_all_rows_are_counted(split):
    assert split.rows == 10


@pytest.mark.parametrize(("row", "number"), [(0, 0), (4, 0), (5, 1), (9, 1)])
def test_a_row_stands_in_its_file(split, row, number):
    assert split.file_of(row) == f"data/train-0000{number}-of-00002.parquet"


def test_an_episode_is_read_whole_and_names_the_file_of_its_first_step(split):
    third = split.episode(2)
    assert (third.index, third.file) == (2, "data/train-00000-of-00002.parquet")
    np.testing.assert_array_equal(third.rows.recording.rewards, [5.0, 6.0])
    assert len(split.episodes) == len(REWARDS)


def test_a_damaged_file_is_an_error_of_the_dataset(split):
    split.files[1].write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"the split 'train' of .* cannot be read: .*; build or pull it"):
        split.steps(0, 10)


def test_the_columns_of_each_file_are_known_by_its_name(split):
    names = [name for name, _ in split.schemas("transitions")]
    assert names == ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]
    assert all(isinstance(schema, pa.Schema) for _, schema in split.schemas("episodes"))


def test_an_episode_without_an_end_is_an_error_of_the_dataset(split):
    lines = pa.table({"row_start": [0, 3], "row_end": pa.array([3, None], pa.int64())})
    with pytest.raises(DatasetError, match="does not say of each episode its row_end"):
        check_ranges(lines, "mine")
    check_ranges(lines.slice(0, 1), "mine")
