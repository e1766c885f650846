"""Folders in which workers write."""

import dataclasses
import tempfile

import fsspec
import pytest
from folders import names
from recordings import shard_task

from builder.dataset.tries import begun
from builder.errors import StorageError
from builder.storage.paths import place


@pytest.fixture
def there(monkeypatch, tmp_path):
    """A folder behind a URL, for workers whose own temporary files lie in `passing`."""
    fsspec.filesystem("memory").store.clear()
    (tmp_path / "passing").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "passing"))
    return place("memory://shelf/shards")


def test_a_folder_that_is_gone_is_one_clear_error(tmp_path):
    lost = dataclasses.replace(shard_task(tmp_path), folder=tmp_path / "gone")
    with pytest.raises(StorageError):
        lost.do()


def test_on_a_shared_folder_files_are_written_where_they_are_read(tmp_path):
    with begun(tmp_path, "train", 3) as own:
        assert own.folder == own.here
        assert own.here.name.startswith("train-00003-")


def test_behind_a_url_files_are_written_here_and_are_there_in_the_end(there, tmp_path):
    with begun(there, "train", 0) as own:
        (own.here / "file").write_text("text")
        assert not own.folder.exists()
    assert (own.folder / "file").read_text() == "text"
    assert names(tmp_path / "passing") == []


def test_what_failed_does_not_get_there_and_leaves_nothing_here(there, tmp_path):
    with pytest.raises(ZeroDivisionError), begun(there, "train", 0) as own:
        (own.here / "file").write_text(str(1 / 0))
    assert list(there.rglob("*")) == []
    assert names(tmp_path / "passing") == []


def test_a_full_disk_of_the_worker_is_one_clear_error(there, tmp_path):
    with (
        pytest.raises(StorageError, match=f"{tmp_path / 'passing'}.* cannot be written"),
        begun(there, "a", 0),
    ):
        raise OSError("it is broken")
