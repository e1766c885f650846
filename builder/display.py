"""How far something is: a bar on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn

log = logging.getLogger("builder")

PLAIN_SECONDS = 5.0
"""How often a plain log line says how far something is."""


def shown_size(size: int) -> str:
    """A number of bytes in the unit in which it says something: "950 B", "12.3 kB", "4.0 MB"."""
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size} B"


def progress_console() -> Console:
    """Where progress is drawn: a terminal, never a pipe, whatever the environment says of colours."""
    return Console(stderr=True, force_terminal=sys.stderr.isatty())


class Display:
    """A bar, or a log line every few seconds, for the length of a `with` block.

    Args:
        title: what happens.
        total: how much there is to do; 0: no bar.
        columns: what a bar shows after the title and the bar itself.
        console: where the bar is drawn.
        clock: what time it is, in seconds.
        fields: what the columns show beside how far it is.
    """

    def __init__(
        self,
        title: str,
        total: int,
        *columns: ProgressColumn,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        **fields: Any,
    ) -> None:
        console = console or progress_console()
        self._title, self._clock, self._shown = title, clock, clock()
        self._bar: Progress | None = None
        drawn = find_spec("ipywidgets") if console.is_jupyter else console.is_terminal
        if total and drawn:
            title_column = TextColumn("[bold]{task.description}")
            self._bar = Progress(title_column, BarColumn(), *columns, console=console)
            self._task = self._bar.add_task(title, total=total, **fields)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, completed: int, line: str, *, last: bool = False, **fields: Any) -> None:
        """Say how far it is.

        Args:
            completed: of the total.
            line: the same as text, for a log line.
            last: whether this log line is written however short ago the one before was.
            fields: new values of the columns' fields.
        """
        if self._bar:
            self._bar.update(self._task, completed=completed, **fields)
        elif last or self._clock() - self._shown >= PLAIN_SECONDS:
            self._shown = self._clock()
            log.info("%s: %s", self._title, line)
