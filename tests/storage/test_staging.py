"""A folder takes its place whole, whatever happens on the way; what others have put there is never lost."""

import json
from pathlib import Path

import pytest
from folders import files

from builder.errors import StorageError
from builder.storage.paths import sorted_paths
from builder.storage.remote_path import RemotePath
from builder.storage.staging import NEW, OLD, OWNED, publish, recover, replaced, unfinished
from builder.storage.stand_ins import forget, stand_in
from builder.storage.workplace import HEADER, MARK

OWN = ("data/a", "last")


def fill(folder, text):
    for name in OWN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def build(out, text="new", owned=OWN):
    with replaced(out, "last", lambda _: owned) as folder:
        fill(folder, text)


def killed(out, *, new=True, old=True):
    """The workplace as a kill leaves it."""
    work = out.with_name(f".{out.name}.staging")
    work.mkdir()
    (work / MARK).write_text(HEADER)
    (work / OWNED).write_text(json.dumps(OWN))
    if new:
        fill(work / NEW, "new")
    if old:
        fill(work / OLD, "old")
    return work


@pytest.fixture
def out(tmp_path):
    return tmp_path / "x"


def test_what_was_there_is_replaced_and_nothing_is_left_beside(out):
    build(out, "old")
    build(out)
    assert files(out) == {"data/a": b"new", "last": b"new"}
    assert list(out.parent.iterdir()) == [out]


def test_files_that_the_new_folder_lacks_go_with_the_old_one(out):
    build(out, "old")
    (out / "data/b").write_text("old")
    build(out, owned=(*OWN, "data/b"))
    assert files(out) == {"data/a": b"new", "last": b"new"}


@pytest.mark.parametrize("name", ["notes.txt", "data/mine", "deep/er/mine", ".hidden"])
def test_what_is_not_the_datasets_stays_in_its_place(out, name):
    build(out, "old")
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("mine")
    build(out)
    assert files(out) == {"data/a": b"new", "last": b"new", name: b"mine"}
    assert list(out.parent.iterdir()) == [out]


def test_what_is_not_the_datasets_and_has_a_name_of_the_new_one_is_left_and_named(out, caplog):
    build(out, "old")
    (out / "data/a").write_text("mine")
    build(out, owned=("last",))
    assert files(out) == {"data/a": b"new", "last": b"new"}
    left = out.with_name(".x.staging") / "left-1"
    assert (left / "data/a").read_text() == "mine"
    assert f"{left} holds what il-builder has not made; it is left" in caplog.text
    build(out, "newer")  # it is in nobody's way
    assert (left / "data/a").read_text() == "mine"
    assert files(out)["last"] == b"newer"


@pytest.mark.parametrize("name", ["data", "link", "data/a"])
def test_a_link_in_the_old_folder_is_not_followed(out, tmp_path, name):
    elsewhere = fill(tmp_path / "elsewhere", "somebody's own")
    before = files(elsewhere)
    build(out, "old")
    if name == "data":
        (out / "data/a").unlink()
        (out / "data").rmdir()
        (out / "data").symlink_to(elsewhere / "data")
    elif name == "link":
        (out / "link").symlink_to(elsewhere)
    else:
        (out / "data/a").unlink()
        (out / "data/a").symlink_to(elsewhere / "data/a")
    build(out)
    assert files(elsewhere) == before
    assert (out / "data/a").read_text() == "new"
    assert not (out / "data").is_symlink()


def test_a_failed_second_rename_rolls_back(out, monkeypatch):
    build(out, "old")
    replace = Path.replace

    def refused(path, target):
        if path.name == NEW:
            raise OSError("no second rename")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(StorageError, match="no second rename"):
        build(out)
    assert files(out) == {"data/a": b"old", "last": b"old"}
    assert list(out.parent.iterdir()) == [out]


def test_an_interruption_after_the_first_rename_rolls_back(out, monkeypatch):
    build(out, "old")
    replace = Path.replace

    def interrupted(path, target):
        replace(path, target)
        if target.name == OLD:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(out)
    assert files(out) == {"data/a": b"old", "last": b"old"}
    assert list(out.parent.iterdir()) == [out]


def test_where_rolling_back_fails_too_the_next_command_finds_the_dataset(out, monkeypatch):
    build(out, "old")
    replace = Path.replace

    def refused(path, target):
        if path.name in (NEW, OLD):
            raise OSError("the disk is gone")
        return replace(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", refused)
        with pytest.raises(OSError, match="the disk is gone"):
            build(out)
    assert not out.exists()
    recover(out)
    assert files(out) == {"data/a": b"old", "last": b"old"}
    assert list(out.parent.iterdir()) == [out]


def test_a_kill_before_the_first_rename_leaves_what_was_there(out):
    fill(out, "old")
    killed(out, old=False)
    recover(out)
    assert files(out) == {"data/a": b"old", "last": b"old"}
    assert list(out.parent.iterdir()) == [out]


def test_a_kill_between_the_renames_brings_the_old_one_back(out):
    killed(out)
    recover(out)
    assert files(out) == {"data/a": b"old", "last": b"old"}
    assert list(out.parent.iterdir()) == [out]


def test_a_kill_after_the_second_rename_leaves_the_new_one(out):
    fill(out, "new")
    work = killed(out, new=False)
    (work / OLD / "notes").write_text("mine")
    recover(out)
    assert files(out) == {"data/a": b"new", "last": b"new", "notes": b"mine"}
    assert list(out.parent.iterdir()) == [out]


def test_what_a_kill_after_the_second_rename_left_does_not_come_back_for_a_dataset_that_was_deleted(out):
    killed(out, new=False)
    recover(out)
    assert list(out.parent.iterdir()) == []


def test_something_else_that_took_the_place_meanwhile_stays_and_so_does_the_old_one(out, caplog):
    out.mkdir()
    (out / "else").write_text("else")
    work = killed(out)
    recover(out)
    assert files(out) == {"else": b"else"}
    assert files(work / "left-1") == {"data/a": b"old", "last": b"old"}
    assert "it is left" in caplog.text


@pytest.mark.parametrize("kind", ["folder", "file", "link", "marked by a link"])
def test_what_has_the_name_of_the_workplace_and_is_none_is_left_and_in_the_way(out, tmp_path, kind):
    elsewhere = fill(tmp_path / "elsewhere", "somebody's own")
    (elsewhere / MARK).write_text(HEADER)
    before = files(elsewhere)
    work = out.with_name(".x.staging")
    if kind == "folder":
        fill(work, "somebody's own")
    elif kind == "file":
        work.write_text("somebody's own")
    elif kind == "link":
        work.symlink_to(elsewhere)
    else:
        fill(work, "somebody's own")
        (work / MARK).symlink_to(elsewhere / MARK)
    beside = files(work) if work.is_dir() else work.read_text()
    recover(out)
    with pytest.raises(StorageError, match="has not made it, so it is left; move it away"):
        build(out)
    assert (files(work) if work.is_dir() else work.read_text()) == beside
    assert files(elsewhere) == before
    assert not out.exists()


def test_a_mark_that_a_kill_has_left_in_part_is_a_mark(out):
    work = killed(out, old=False)
    (work / MARK).write_text("")
    build(out)
    assert files(out) == {"data/a": b"new", "last": b"new"}
    assert list(out.parent.iterdir()) == [out]


def test_a_workplace_that_a_power_cut_has_left_without_its_mark_is_removed(out):
    out.with_name(".x.staging").mkdir()
    recover(out)
    assert list(out.parent.iterdir()) == []


def test_publishing_replaces_what_is_the_datasets_and_writes_the_last_file_last(box, tmp_path, monkeypatch):
    (box / "old").mkdir(parents=True)
    (box / "old" / "file").write_text("old")
    (box / "old" / "notes").write_text("somebody's own")
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
    publish(tmp_path / "made", box, "last", {"old/file", "last"})
    assert seen == ["a", "z", "last"]
    assert [path.name for path in sorted_paths(box.rglob("*"))] == ["a", "last", "notes", "z"]
    assert not unfinished(box)


def test_publishing_moves_what_is_behind_the_url_already_and_uploads_the_rest(box, tmp_path, monkeypatch):
    (box / "shards").mkdir(parents=True)
    (box / "shards" / "made").write_text("rows")
    (tmp_path / "made").mkdir()
    stand_in(tmp_path / "made" / "a", box / "shards" / "made", 4)
    (tmp_path / "made" / "last").write_text("all is there")
    seen, upload = [], RemotePath.upload
    monkeypatch.setattr(
        RemotePath, "upload", lambda path, source: (seen.append(path.name), upload(path, source))
    )
    publish(tmp_path / "made", box / "x", "last", ())
    forget(tmp_path)
    assert seen == ["last"]
    assert (box / "x" / "a").read_text() == "rows"
    assert [path.name for path in sorted_paths(box.rglob("*"))] == ["a", "last"]


@pytest.mark.parametrize("there", [True, False])
def test_a_block_that_fails_leaves_what_was_there_and_nothing_else(out, there):
    if there:
        build(out, "old")
    with pytest.raises(ZeroDivisionError), replaced(out, "last", lambda _: OWN) as folder:
        (folder / "last").write_text(str(1 / 0))
    assert out.exists() == there
    assert [path.name for path in out.parent.iterdir()] == (["x"] if there else [])


def test_a_disk_that_refuses_is_a_storage_error(out):
    build(out, "old")
    with (
        pytest.raises(StorageError, match=r"\.x\.staging"),
        replaced(out, "last", lambda _: OWN) as folder,
    ):
        (folder / ("x" * 300)).write_text("new")
    assert files(out) == {"data/a": b"old", "last": b"old"}
