"""What survives a power cut: the order of flushes and renames."""

import errno
import os
from pathlib import Path

import pytest

from builder.storage.durable import flush, make_folder, put
from builder.storage.paths import atomic_file, write_whole


@pytest.fixture
def calls(monkeypatch):
    """(`flush`, path) and (`rename`, from, to), in the order in which they are made."""
    made = []
    fsync, replace = os.fsync, os.replace

    def flushed(handle):
        made.append(("flush", Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def renamed(source, target):
        made.append(("rename", Path(source), Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    return made


def test_a_file_is_flushed_then_renamed_then_its_folder_is_flushed(tmp_path, calls):
    (tmp_path / "a").write_text("a")
    put(tmp_path / "a", tmp_path / "b")
    assert calls == [
        ("flush", tmp_path / "a"),
        ("rename", tmp_path / "a", tmp_path / "b"),
        ("flush", tmp_path),
    ]


def test_of_a_folder_everything_is_flushed_and_links_are_not_followed(tmp_path, calls):
    (tmp_path / "a/deep").mkdir(parents=True)
    for name in ("elsewhere", "a/one", "a/deep/two"):
        (tmp_path / name).write_text("a")
    (tmp_path / "a/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "to").mkdir()
    put(tmp_path / "a", tmp_path / "to/b")
    assert calls == [
        *(("flush", tmp_path / name) for name in ("a/deep/two", "a/deep", "a/one", "a")),
        ("rename", tmp_path / "a", tmp_path / "to/b"),
        ("flush", tmp_path / "to"),
        ("flush", tmp_path),
    ]


def test_a_text_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    write_whole(tmp_path / "new/a", "a")
    (part,) = {Path(call[1]).parent for call in calls if call[0] == "rename"}
    assert part.parent == tmp_path / "new"
    assert calls[:4] == [
        ("flush", tmp_path),  # which has a folder more
        ("flush", part / "a"),
        ("rename", part / "a", tmp_path / "new/a"),
        ("flush", tmp_path / "new"),
    ]


def test_folders_that_are_made_are_there_after_a_power_cut(tmp_path, calls):
    assert make_folder(tmp_path / "a/b") == [tmp_path / "a/b", tmp_path / "a"]
    assert calls == [("flush", tmp_path / "a"), ("flush", tmp_path)]
    assert make_folder(tmp_path / "a/b") == []


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_has_nothing_to_flush_is_no_error(tmp_path, monkeypatch, code):
    def refused(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refused)
    flush(tmp_path)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_flush_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch, code):
    def refused(handle):
        raise OSError(code, os.strerror(code))

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(OSError, match=os.strerror(code)):
        write_whole(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0o000, 0o666)])
def test_a_file_has_the_mode_of_the_umask_whoever_wrote_it(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with atomic_file(tmp_path / "a") as file:
            file.touch(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode
