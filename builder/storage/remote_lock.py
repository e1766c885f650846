"""The lock of a dataset behind a URL: an object that says who builds, renewed for as long as the build lives.

There is no `flock` there. An owner that has not renewed its lock for a while, or whose process is known to
be gone, is taken for dead. One that was only asleep does no harm: the chunks of one identity have the same
bytes, whoever writes them, and before it writes the dataset it looks whether it still holds the lock.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from builder.errors import BuilderError, LockedError
from builder.storage.remote_path import RemotePath

log = logging.getLogger(__name__)

LASTS = 300.0
"""Seconds after which an owner without a sign of life is taken for dead; clocks may differ by less."""
RENEWED = 60.0
"""Seconds between two signs of life."""
SETTLES = 1.0
"""Seconds in which another build, which takes over the same dead lock, can remove a new one by mistake."""


@dataclass(frozen=True)
class Owner:
    """Who builds.

    Attributes:
        build: of no other.
        host: the machine's name.
        machine: what no other machine that runs, nor another container of it, has in common with it.
        process: on that machine.
        renewed: the last sign of life, in seconds since 1970.
    """

    build: str
    host: str
    machine: str
    process: int
    renewed: float

    def alive(self) -> bool:
        """Whether it may still be building."""
        if self.machine == machine_id():
            with suppress(PermissionError):  # it is somebody else's, and there
                try:
                    os.kill(self.process, 0)
                except ProcessLookupError:
                    return False
        return time.time() - self.renewed < LASTS


@cache
def machine_id() -> str:
    """A name of this machine since it was started, and of the processes that see each other on it."""
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{started} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return uuid.uuid4().hex  # nobody knows: no process is looked for


@contextmanager
def remotely_locked(
    lock: RemotePath, out: RemotePath, *, settles: float = SETTLES, renewed: float = RENEWED
) -> Iterator[None]:
    """Hold a dataset behind a URL for this process alone.

    Args:
        lock: the object that says who holds it.
        out: the dataset.
        settles: seconds in which another build, which takes over the same dead lock, can remove a new one.
        renewed: seconds between two signs of life.

    Raises:
        LockedError: another build holds it.
        StorageError: it cannot be written.
    """
    owner = Owner(uuid.uuid4().hex, socket.gethostname(), machine_id(), os.getpid(), time.time())
    _take(lock, out, owner, settles)
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(lock, owner, ended, renewed), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        with suppress(BuilderError, OSError):  # it lapses; what the build ends with matters more
            if _holds(lock, owner):
                lock.unlink()


def _take(lock: RemotePath, out: RemotePath, owner: Owner, settles: float) -> None:
    taken_over = False
    for _ in range(3):
        lock.create(_text(owner))
        if taken_over:
            time.sleep(settles)
        found = read_owner(lock)  # a repeated request may find what the first one has created: this tells
        if found is not None and found.build == owner.build:
            return
        if found is None:
            continue
        if found.alive():
            raise LockedError(
                f"another build is writing to {out}: process {found.process} of {found.host}, which was"
                f" last seen {max(0, time.time() - found.renewed):.0f} s ago",
                remedy=f"wait for it, or choose another `out`; had it been killed, {LASTS:.0f} s would pass",
            )
        log.warning("process %d of %s, which was writing to %s, is gone", found.process, found.host, out)
        lock.unlink(missing_ok=True)
        taken_over = True
    raise LockedError(f"other builds are writing to {out}", remedy="wait for them, or choose another `out`")


def check_held(lock: RemotePath, out: RemotePath) -> None:
    """Find out before the dataset is written whether the lock is still this process's own.

    Raises:
        LockedError: another build has taken it over, and may be writing.
    """
    found = read_owner(lock)
    if found is None or (found.machine, found.process) != (machine_id(), os.getpid()):
        raise LockedError(
            f"another build has taken over {out}, since this one gave no sign of life for {LASTS:.0f} s",
            remedy="run the same command again: finished chunks are kept",
        )


def _keep(lock: RemotePath, owner: Owner, ended: threading.Event, renewed: float) -> None:
    """Renew the lock until the build has ended; one renewal that fails is no harm."""
    while not ended.wait(renewed):
        try:
            if _holds(lock, owner):
                lock.write_text(_text(replace(owner, renewed=time.time())))
        except (BuilderError, OSError) as error:
            log.debug("%s could not be renewed: %s", lock, error)


def _text(owner: Owner) -> str:
    return json.dumps(asdict(owner), sort_keys=True) + "\n"


def _holds(lock: RemotePath, owner: Owner) -> bool:
    found = read_owner(lock)
    return found is not None and found.build == owner.build


def read_owner(lock: RemotePath) -> Owner | None:
    """Who holds a lock; None where nobody does, or the object says nothing."""
    try:
        return Owner(**json.loads(lock.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return Owner("", "an unknown machine", "", 0, 0.0)
