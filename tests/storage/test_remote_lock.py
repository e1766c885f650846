"""The lock behind a URL: one build at a time, and none for ever."""

import functools
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import asdict

import fsspec
import pytest

from builder.errors import LockedError
from builder.storage import remote_lock
from builder.storage.paths import place
from builder.storage.remote_lock import Owner, check_held, read_owner
from builder.storage.remote_path import RemotePath

remotely_locked = functools.partial(remote_lock.remotely_locked, settles=0.01)


@pytest.fixture
def out():
    fsspec.filesystem("memory").store.clear()
    return place("memory://shelf/x")


def held_by(out, machine, process, renewed):
    lock = out.parent / "lock"
    lock.write_text(json.dumps(asdict(Owner("b", "elsewhere", machine, process, renewed))))
    return lock


def test_a_second_build_is_refused_and_told_who_holds_the_first(out):
    lock = out.parent / "lock"
    with remotely_locked(lock, out):
        with (
            pytest.raises(LockedError, match=f"writing to {out}: process {os.getpid()} of"),
            remotely_locked(lock, out),
        ):
            pass
        assert lock.exists()
    assert not lock.exists()


def test_another_machine_holds_it_for_as_long_as_it_gives_signs_of_life(out):
    lock = held_by(out, "elsewhere", 1, time.time() - remote_lock.LASTS + 60)
    with pytest.raises(LockedError, match="process 1 of elsewhere"), remotely_locked(lock, out):
        pass


def test_a_machine_without_a_sign_of_life_has_lost_it(out, caplog):
    lock = held_by(out, "elsewhere", 1, time.time() - remote_lock.LASTS - 1)
    with caplog.at_level(logging.WARNING, "builder"), remotely_locked(lock, out):
        assert read_owner(lock).process == os.getpid()
    assert "process 1 of elsewhere" in caplog.text


def test_a_process_of_this_machine_that_is_gone_has_lost_it_at_once(out):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock = held_by(out, remote_lock.machine_id(), gone.pid, time.time())
    with remotely_locked(lock, out):
        assert read_owner(lock).process == os.getpid()


def test_of_two_that_take_over_the_same_dead_lock_one_is_refused(out, monkeypatch):
    lock = held_by(out, "elsewhere", 1, time.time() - remote_lock.LASTS - 1)
    # The other one had seen the dead lock as well, and removes ours in its place.
    monkeypatch.setattr(remote_lock.time, "sleep", lambda _: held_by(out, "elsewhere", 2, time.time()))
    with pytest.raises(LockedError, match="process 2 of elsewhere"), remotely_locked(lock, out):
        pass


def test_a_living_owner_renews_it(out):
    lock = out.parent / "lock"
    with remotely_locked(lock, out, renewed=0.01):
        first = read_owner(lock)
        while read_owner(lock).renewed == first.renewed:
            time.sleep(0.01)
        assert read_owner(lock).build == first.build


def test_one_who_has_lost_it_does_not_release_it(out):
    lock = out.parent / "lock"
    with remotely_locked(lock, out):
        held_by(out, "elsewhere", 1, time.time())
    assert read_owner(lock).machine == "elsewhere"


def test_one_who_has_lost_it_must_not_write_the_dataset(out):
    lock = out.parent / "lock"
    with remotely_locked(lock, out):
        check_held(lock, out)
        held_by(out, "elsewhere", 1, time.time())
        with pytest.raises(LockedError, match=f"another build has taken over {out}"):
            check_held(lock, out)


def test_a_request_that_the_store_saw_twice_does_not_take_its_own_lock_for_anothers(out, monkeypatch):
    lock = out.parent / "lock"

    def repeated(path, text, create=RemotePath.create):
        create(path, text)
        return create(path, text)

    monkeypatch.setattr(RemotePath, "create", repeated)
    with remotely_locked(lock, out):
        assert read_owner(lock).process == os.getpid()
