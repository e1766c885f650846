"""A folder takes the place of another whole, or not at all."""

import pytest

from builder.errors import StorageError
from builder.storage.paths import sorted_paths
from builder.storage.remote_path import RemotePath
from builder.storage.staging import bring_back, publish, replaced, unfinished


def test_publishing_leaves_nothing_else_behind_and_writes_the_last_file_last(box, tmp_path, monkeypatch):
    (box / "old").mkdir(parents=True)
    (box / "old" / "file").write_text("old")
    (box / "last").write_text("old")
    for name in ("a", "last", "z"):
        (tmp_path / "made").mkdir(exist_ok=True)
        (tmp_path / "made" / name).write_text(name)
    seen = []

    def upload(path, source, upload=RemotePath.upload):
        assert unfinished(box)
        assert not (box / "last").exists()
        assert not (box / "old" / "file").exists()
        seen.append(path.name)
        upload(path, source)

    monkeypatch.setattr(RemotePath, "upload", upload)
    publish(tmp_path / "made", box, "last")
    assert seen == ["a", "z", "last"]
    assert [path.name for path in sorted_paths(box.rglob("*"))] == ["a", "last", "z"]
    assert not unfinished(box)


@pytest.fixture
def out(tmp_path):
    """A folder with one file, of an old dataset."""
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "old").write_text("old")
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("there", [True, False])
def test_what_was_written_takes_the_place_of_what_was_there(out, there):
    if not there:
        (out / "old").unlink()
        out.rmdir()
    with replaced(out, "last") as folder:
        (folder / "last").write_text("new")
        assert names(out.parent) == [".x.staging", *(["x"] if there else [])]
    assert (names(out), names(out.parent)) == (["last"], ["x"])


def test_a_block_that_fails_leaves_what_was_there_and_nothing_else(out):
    with pytest.raises(ZeroDivisionError), replaced(out, "last") as folder:
        (folder / "last").write_text(str(1 / 0))
    assert (names(out), names(out.parent)) == (["old"], ["x"])


def test_what_a_killed_process_left_is_not_part_of_the_next_folder(out):
    (out.parent / ".x.staging").mkdir()
    (out.parent / ".x.staging" / "half").write_text("half")
    with replaced(out, "last") as folder:
        assert names(folder) == []
        (folder / "last").write_text("new")
    assert names(out) == ["last"]


def test_a_disk_that_refuses_is_a_storage_error(out):
    with pytest.raises(StorageError, match=r"\.x\.staging"), replaced(out, "last") as folder:
        (folder / ("x" * 300)).write_text("new")
    assert names(out) == ["old"]


def test_what_was_there_comes_back_after_a_kill_between_the_two_renames(out):
    out.rename(out.parent / ".x.retired")
    bring_back(out)
    assert (names(out), names(out.parent)) == (["old"], ["x"])
