"""Files that workers have written, in the folder of a dataset."""

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import names

from builder.dataset.placing import place_files
from builder.dataset.tries import Written
from builder.errors import StorageError
from builder.manifest.manifest import FileEntry
from builder.storage.paths import place
from builder.storage.stand_ins import forget, original


def made(folder, first, values, here):
    """A file that a worker has written."""
    here.mkdir(exist_ok=True)
    pq.write_table(pa.table({"a": values}), here / "train-00000-of-00001.parquet")
    (path,) = here.iterdir()
    if folder != here:
        (folder / path.name).upload(path)
    entry = FileEntry(f"sha256 of {values}", path.stat().st_size)
    return Written("train", first, len(values), folder, {path.name: entry})


def test_files_are_moved_and_numbered_through(tmp_path):
    parts = [made(tmp_path / name, first, [first], tmp_path / name) for first, name in enumerate("ab")]
    (tmp_path / "x").mkdir()
    known = place_files(parts, tmp_path / "x", "data/train")
    assert list(known) == ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]
    assert [pq.read_table(tmp_path / "x" / name)["a"].to_pylist() for name in known] == [[0], [1]]
    assert [entry.sha256 for entry in known.values()] == ["sha256 of [0]", "sha256 of [1]"]
    assert names(tmp_path / "a") == []


@pytest.mark.parametrize("read", [False, True])
def test_files_behind_a_url_stay_there_and_others_stand_in_for_them(tmp_path, read):
    fsspec.filesystem("memory").store.clear()
    there = place("memory://shelf/shards")
    part = made(there, 0, list(range(100_000)), tmp_path / "here")
    (tmp_path / "x").mkdir()
    (name,) = place_files([part], tmp_path / "x", "data/train", read=read)
    path = tmp_path / "x" / name
    try:
        assert original(path) == there / "train-00000-of-00001.parquet"
        assert pq.read_metadata(path).num_rows == 100_000
        assert (path.read_bytes() == next((tmp_path / "here").iterdir()).read_bytes()) == read
    finally:
        forget(tmp_path)


@pytest.mark.parametrize("read", [False, True])
def test_a_file_that_somebody_has_removed_is_one_clear_error(tmp_path, read):
    fsspec.filesystem("memory").store.clear()
    part = made(place("memory://shelf/shards"), 0, [1], tmp_path / "here")
    fsspec.filesystem("memory").store.clear()
    (tmp_path / "x").mkdir()
    with pytest.raises(StorageError):
        place_files([part], tmp_path / "x", "data/train", read=read)
    forget(tmp_path)
