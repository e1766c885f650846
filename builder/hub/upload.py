"""Files that are uploaded: opened only while they are read, so that any number of them can wait."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from threading import Event, Thread
from typing import BinaryIO, TypeVar

from builder.hub_client.private import leave_daemons_behind

Result = TypeVar("Result")

NOTICED = 0.2
"""Seconds until an interruption is noticed whose signal another thread got: an endless wait sleeps on."""


class StoppedError(Exception):
    """The upload that reads a file has been interrupted."""


def interruptibly(upload: Callable[[], Result], stop: Event) -> Result:
    """Upload in another thread: the client's own wait, once interrupted, goes on until every file is sent.

    Args:
        upload: what is to be done.
        stop: is set when it has been done or interrupted; its files are then to be read no further.
    """
    done: Future[Result] = Future()

    def work() -> None:
        try:
            done.set_result(upload())
        except BaseException as error:  # noqa: BLE001  (it is raised in the thread that waits)
            done.set_exception(error)

    try:
        Thread(target=work, daemon=True).start()
        while not wait([done], timeout=NOTICED).done:
            pass
        return done.result()
    except KeyboardInterrupt:
        stop.set()  # first: a thread that starts from now on ends as soon as it reads
        leave_daemons_behind()  # the client's, which wait for the Hub
        raise
    finally:
        stop.set()


class CountedFile(io.BufferedIOBase):
    """Reads a file and tells how far it is.

    The Hub's client takes file objects only over LFS, not over Xet: one way for every Hub, with its retries
    and bytes that can be counted.

    Args:
        path: the file.
        stop: once it is set, a read raises `StoppedError`.

    Attributes:
        reached: called with the position after every read.
    """

    def __init__(self, path: Path, stop: Event) -> None:
        self._path, self._stop = path, stop
        self.reached: Callable[[int], object] = int
        self._position, self._size = 0, path.stat().st_size
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        self._shut()
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        if self._stop.is_set():
            raise StoppedError
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._position)
        part = self._file.read(-1 if size is None else size)
        self._position += len(part)
        self.reached(self._position)
        if self._position >= self._size:
            self._shut()
        return part

    def close(self) -> None:
        self._shut()
        super().close()

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
