"""What a user sees while a build runs."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

from builder.display import Display
from builder.rollout.summary import ChunkSummary

log = logging.getLogger("builder")


class Reporter(Display):
    """Counts what has been played and shows it.

    Args:
        expert: who plays.
        environment: what is played.
        wanted: accepted episodes.
        aside: the log needs no line of its end.
        shown: `console` and `clock`, as `Display` takes them.

    Attributes:
        wanted: accepted episodes.
        attempts: that have been played.
        accepted: of them.
        steps: of all of them.
        seconds: from the beginning to the last chunk that was counted.
    """

    def __init__(
        self,
        expert: str,
        environment: str,
        *,
        wanted: int,
        aside: bool = False,
        **shown: Any,
    ) -> None:
        # On a narrow terminal the bar gives way, not the figures.
        columns = (
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        )
        super().__init__(expert, wanted, *columns, figures="", **shown)
        self._environment, self._aside = environment, aside
        self.wanted = wanted
        self.attempts = self.accepted = self.steps = 0
        self._played_steps, self._returns, self._known = 0, 0.0, 0
        self._began, self.seconds = self._clock(), 0.0

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
        self.seconds = self._clock() - self._began
        self.attempts += len(summary.returns)
        self.accepted += int(summary.accepted.sum())
        self.steps += int(summary.lengths.sum())
        if summary.seconds:
            self._played_steps += int(summary.lengths.sum())
        known = summary.returns[~np.isnan(summary.returns)]
        self._returns, self._known = self._returns + float(known.sum()), self._known + len(known)
        for line in summary.logs:
            log.info("attempt %d: %s", summary.start, line)
        for line in summary.failures:
            log.warning("rejected: %s", line)
        self._show_figures()

    def _show_figures(self) -> None:
        shown = min(self.accepted, self.wanted)
        speed = f" · {self.steps_per_second:,.0f} steps/s" if self._played_steps else ""
        whose = "" if self.accepted == self.attempts else " of all"
        figures = f"{self.attempts:,} attempts{speed} · mean return{whose} {self.mean_return:.1f}"
        line = f"{shown} of {self.wanted} episodes of {self._environment} accepted · {figures}"
        self.show(shown, line, last=shown == self.wanted and not self._aside, figures=figures)
