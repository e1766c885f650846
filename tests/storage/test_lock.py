"""One build at a time writes a dataset, and whoever is gone holds nothing."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys

import pytest
from chunks import IDENTITY, write

from builder.errors import LockedError, StorageError
from builder.rollout.chunk_store import ChunkStore
from builder.storage.layout import Layout
from builder.storage.lock import locked


@pytest.fixture
def store(tmp_path):
    return ChunkStore(Layout.of(tmp_path / "x").chunks, IDENTITY)


def test_two_builds_into_one_folder_are_one_too_many(tmp_path):
    out = tmp_path / "x"
    with locked(out), pytest.raises(LockedError) as caught, locked(out):
        pass
    assert str(caught.value) == f"another build is writing to {out}; wait for it, or choose another `out`"


def test_two_builds_into_two_folders_do_not_meet(tmp_path):
    with locked(tmp_path / "x"), locked(tmp_path / "y"):
        pass


def test_the_folder_is_free_again_after_a_build_that_failed(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "x"):
        1 / 0  # noqa: B018  (it raises)
    with locked(tmp_path / "x"):
        pass


def test_the_folder_is_free_again_after_a_build_that_was_killed(tmp_path):
    lines = "import sys; from pathlib import Path; from builder.storage.lock import locked\n"
    lines += "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", lines, tmp_path / "x"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError), locked(tmp_path / "x"):
            pass
        process.kill()
    with locked(tmp_path / "x"):
        pass


def test_a_lock_that_its_last_holder_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """Between opening the file and locking it, the build before ends and removes the folder."""
    flock, out = fcntl.flock, tmp_path / "x"

    def late(handle, flags):
        if late.first:
            shutil.rmtree(Layout.of(out).chunks)
        late.first = False
        flock(handle, flags)

    late.first = True
    monkeypatch.setattr(fcntl, "flock", late)
    with locked(out), pytest.raises(LockedError), locked(out):
        pass


def test_a_parent_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught, locked(tmp_path / "file" / "x"):
        pass
    assert (
        str(caught.value) == f"{tmp_path / 'file'} cannot be written: Not a directory; choose another `out`"
    )


def test_a_build_that_played_nothing_leaves_nothing(tmp_path):
    with locked(tmp_path / "deep" / "down" / "x"):
        ChunkStore(Layout.of(tmp_path / "deep" / "down" / "x").chunks, IDENTITY).describe({"inputs": {}})
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_there_before_stay(tmp_path):
    (tmp_path / "deep").mkdir()
    with locked(tmp_path / "deep" / "x"):
        pass
    assert list(tmp_path.rglob("*")) == [tmp_path / "deep"]


def test_a_build_that_played_keeps_its_chunks(tmp_path):
    out = tmp_path / "x"
    with locked(out):
        path = write(ChunkStore(Layout.of(out).chunks, IDENTITY), 0, 4)
    assert path.is_file()


def test_a_lock_is_had_where_a_build_that_ends_removes_its_folder_at_that_moment(tmp_path, monkeypatch):
    out = tmp_path / "x"
    removed = []

    def opened(path, *options, os_open=os.open, **named):
        if str(path).endswith("lock") and not removed:
            removed.append(path.parent.rmdir())
        return os_open(path, *options, **named)

    monkeypatch.setattr(os, "open", opened)
    with locked(out):
        assert removed
        assert Layout.of(out).chunks.is_dir()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_without_locks_is_an_error_that_says_so(tmp_path, monkeypatch, code):
    def refused(handle, flags):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(StorageError) as caught, locked(tmp_path / "x"):
        pass
    assert str(caught.value) == (
        f"the file system of {tmp_path} cannot lock files (flock: {os.strerror(code)}), so nothing would keep"
        " two builds apart; choose an `out` on another one, a local disk for instance"
    )


@pytest.mark.parametrize("link", ["", "lock"])
def test_nothing_is_written_behind_a_link(tmp_path, link):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").write_text("somebody's own")
    store = Layout.of(tmp_path / "x").chunks
    if link:
        store.mkdir()
        (store / link).symlink_to(elsewhere / "lock")
    else:
        store.symlink_to(elsewhere)
    with pytest.raises(StorageError), locked(tmp_path / "x"):
        pass
    assert (elsewhere / "lock").read_text() == "somebody's own"
    assert [path.name for path in elsewhere.iterdir()] == ["lock"]


def test_what_is_in_the_store_and_was_not_made_there_stays(tmp_path):
    store = Layout.of(tmp_path / "x").chunks
    (store / "mine").mkdir(parents=True)
    (store / "mine" / "notes.txt").write_text("notes")
    with locked(tmp_path / "x"):
        pass
    assert (store / "mine" / "notes.txt").read_text() == "notes"
