"""What a user sees while a build runs: a bar on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import math
import time
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from builder.rollout.worker import ChunkSummary

log = logging.getLogger("builder")

PLAIN_SECONDS = 5.0
"""How often a plain log line says how far a build is."""


class Reporter:
    """Counts what has been played and shows it.

    Args:
        title: what is built.
        wanted: accepted episodes.
        accepted_returns: the least and the greatest return of an accepted episode.
        console: where the bar is drawn.
    """

    def __init__(
        self, title: str, wanted: int, accepted_returns: tuple[float, float], console: Console | None = None
    ) -> None:
        console = console or Console(stderr=True)
        self._title, self._wanted, self._bounds = title, wanted, accepted_returns
        self.attempts = self.accepted = self.steps = 0
        self._played_steps, self._returns, self._known = 0, 0.0, 0
        self._began = self._shown = time.monotonic()
        self._bar = _bar(console) if console.is_terminal or console.is_jupyter else None
        self._task = self._bar.add_task(title, total=wanted, figures="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since the build began to play."""
        return time.monotonic() - self._began

    @property
    def steps_per_second(self) -> float:
        """Steps of environments played now, not read from chunks that were there already."""
        return self._played_steps / max(self.seconds, 1e-9)

    @property
    def mean_return(self) -> float:
        """Of all attempts whose return is known."""
        return self._returns / self._known if self._known else math.nan

    def add(self, summary: ChunkSummary) -> None:
        """Count a chunk and show where the build stands."""
        self.attempts += len(summary.returns)
        self.accepted += int(summary.accept(self._bounds).sum())
        self.steps += int(summary.lengths.sum())
        if summary.seconds or summary.accepted is not None:
            self._played_steps += int(summary.lengths.sum())
        known = summary.returns[~np.isnan(summary.returns)]
        self._returns, self._known = self._returns + float(known.sum()), self._known + len(known)
        for line in summary.logs:
            log.info("attempt %d: %s", summary.start, line)
        self._show()

    def _show(self) -> None:
        shown = min(self.accepted, self._wanted)
        figures = (
            f"{self.attempts:,} attempts · {self.steps_per_second:,.0f} steps/s"
            f" · mean return {self.mean_return:.1f}"
        )
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=shown, figures=figures)
        elif time.monotonic() - self._shown >= PLAIN_SECONDS or shown == self._wanted:
            self._shown = time.monotonic()
            log.info("%s: %d of %d accepted · %s", self._title, shown, self._wanted, figures)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        console=console,
    )
