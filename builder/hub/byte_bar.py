"""How many bytes have gone over the network: a bar on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from builder.progress import PLAIN_SECONDS

log = logging.getLogger("builder")


class ByteBar:
    """Shows how far some files are.

    Args:
        title: what happens.
        total: bytes of all files.
        console: where the bar is drawn.
    """

    def __init__(self, title: str, total: int, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._title, self._total, self._lock = title, total, threading.Lock()
        self._at: dict[str, int] = {}
        self._moved = 0
        self._shown = time.monotonic()
        self._bar = _bar(console) if console.is_terminal and total else None
        self._task = self._bar.add_task(title, total=total) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def reach(self, path: str, position: int) -> None:
        """Say how far a file is; going back, as a second try does, is not shown."""
        with self._lock:
            before = self._at.get(path, 0)
            self._at[path] = max(position, before)
            self._moved += self._at[path] - before
            if self._bar and self._task is not None:
                self._bar.update(self._task, completed=self._moved)
            elif time.monotonic() - self._shown >= PLAIN_SECONDS:
                self._shown = time.monotonic()
                log.info("%s: %.1f of %.1f MB", self._title, self._moved / 1e6, self._total / 1e6)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
    )
