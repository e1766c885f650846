"""How many lanes a worker plays in: measured while it plays, where the configuration leaves it open.

More lanes make an expert cheaper, and fewer stay in the processor's cache: which number is the fastest
depends on both, and on the machine. No byte depends on it. Each worker tries fewer lanes than usual on
attempts that it plays anyway, once it has played so long that a bad guess costs nothing to speak of; short
builds try none.
"""

from __future__ import annotations

import logging

from builder.config import AUTO, USUAL_LANES

log = logging.getLogger(__name__)

TRIED = (64, 32)
"""Numbers of lanes that may be faster than the usual one. More never were, and need more environments."""
PER_LANE = 2
"""Attempts that each lane plays in a trial, so that few idle at its end."""
SHARE = 0.05
"""Of the seconds that a worker has played, what a trial may take at the most."""
GAIN = 1.03
"""Times as fast as the usual number another must be: less is noise."""


class LaneChoice:
    """The number of lanes of one worker.

    Args:
        lanes: as configured; `auto`: to be found out.
    """

    def __init__(self, lanes: int | str) -> None:
        self.lanes = USUAL_LANES if isinstance(lanes, str) else lanes
        self._untried = list(TRIED) if lanes == AUTO else []
        self._undecided = lanes == AUTO
        self._speeds: dict[int, float] = {}
        self._widest = self._attempts = 0
        self._seconds = 0.0

    def parts(self, attempts: range) -> list[tuple[range, int]]:
        """What of a chunk is to be played in how many lanes."""
        if self._undecided and not self._untried:
            self._decide()
        for lanes in self._untried[:1]:
            trial = PER_LANE * lanes
            if len(attempts) >= trial and self._affords(trial):
                self._untried.remove(lanes)
                parts = [(attempts[:trial], lanes), (attempts[trial:], self.lanes)]
                return [part for part in parts if part[0]]
        return [(attempts, self.lanes)]

    def measured(self, attempts: range, lanes: int, *, steps: int, seconds: float) -> None:
        """What a part has taken.

        Args:
            attempts: that were played.
            lanes: in which they were.
            steps: of all of them.
            seconds: of the processor.
        """
        if not self._undecided:
            return
        self._seconds, self._attempts = self._seconds + seconds, self._attempts + len(attempts)
        full, warm = len(attempts) >= lanes, lanes <= self._widest
        if full and warm and seconds:
            self._speeds[lanes] = steps / seconds
        if full:  # the first time, environments are made meanwhile
            self._widest = max(self._widest, lanes)

    def _affords(self, attempts: int) -> bool:
        known = self.lanes in self._speeds
        return known and attempts * self._seconds / self._attempts <= SHARE * self._seconds

    def _decide(self) -> None:
        usual = self._speeds[self.lanes]
        best = max(self._speeds, key=lambda lanes: self._speeds[lanes])
        times = self._speeds[best] / usual
        if times >= GAIN:
            self.lanes = best
        log.debug("rollout.lanes=auto: %d lanes; %d are %.2f times as fast as usual", self.lanes, best, times)
        self._undecided = False
