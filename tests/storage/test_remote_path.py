"""Paths behind URLs."""

from pathlib import Path

import pytest

from builder.errors import StorageError
from builder.storage.paths import place, sorted_paths


def test_a_url_has_a_name_a_parent_and_children():
    path = place("s3://bucket/data/cartpole/")
    assert (path.name, str(path.parent), str(path / "a")) == (
        "cartpole",
        "s3://bucket/data",
        "s3://bucket/data/cartpole/a",
    )
    assert (path / "a" / "b").relative_to(path) == Path("a/b")


def test_a_written_file_is_there_and_a_removed_one_is_gone(box):
    (box / "deep").mkdir(parents=True)
    file = box / "deep" / "file"
    file.write_text("text")
    assert (file.read_text(), file.stat().st_size) == ("text", 4)
    assert (file.exists(), file.is_file(), file.is_dir(), file.parent.is_dir()) == (True, True, False, True)
    assert sorted_paths(box.rglob("*")) == [file]
    assert [path.name for path in (box / "deep").glob("f*")] == ["file"]
    file.unlink()
    assert not file.exists()
    file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        file.read_text()
    box.remove()
    assert not box.exists()


def test_only_the_first_creates(memory):
    lock = memory / "lock"
    assert lock.create("one")
    assert not lock.create("two")
    assert lock.read_text() == "one"


def test_a_part_of_a_file_is_read_alone(box):
    file = box / "file"
    file.write_text("0123456789")
    assert (file.part(3, 6), file.part(8, 99), file.head(2)) == (b"345", b"89", b"01")
    with pytest.raises(FileNotFoundError):
        (box / "not there").part(0, 1)


def test_a_moved_file_is_at_its_new_place_alone_and_takes_that_of_another(box):
    (box / "made").mkdir(parents=True)
    (box / "made" / "file").write_text("new")
    (box / "there").write_text("old")
    (box / "made" / "file").move(box / "there")
    (box / "there").move(box / "deep" / "er")
    assert sorted_paths(box.rglob("*")) == [box / "deep" / "er"]
    assert (box / "deep" / "er").read_text() == "new"
    with pytest.raises(StorageError, match="deep/er cannot be written"):
        (box / "gone").move(box / "deep" / "er")
