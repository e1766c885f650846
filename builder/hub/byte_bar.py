"""How many bytes have gone over the network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import DownloadColumn, TransferSpeedColumn

from builder.display import Display


class ByteBar(Display):
    """Shows how far some files are.

    Args:
        title: what happens.
        total: bytes of all files.
        console: where the bar is drawn.
        clock: what time it is, in seconds.
    """

    def __init__(
        self,
        title: str,
        total: int,
        console: Console | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        columns = (DownloadColumn(), TransferSpeedColumn())
        super().__init__(title, total, *columns, console=console, clock=clock)
        self._total, self._lock = total, threading.Lock()
        self._at: dict[str, int] = {}
        self._moved = 0

    def reach(self, path: str, position: int) -> None:
        """Say how far a file is; going back, as a second try does, is not shown."""
        with self._lock:
            before = self._at.get(path, 0)
            self._at[path] = max(position, before)
            self._moved += self._at[path] - before
            self.show(self._moved, f"{self._moved / 1e6:.1f} of {self._total / 1e6:.1f} MB")
