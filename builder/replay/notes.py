"""What annotators say of an episode that is stepped again, alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym

from builder.episodes.annotations import Annotator, Arrays, asked
from builder.episodes.spaces import Array

LANE = 0


class Notes:
    """What is said, step by step.

    Args:
        annotators: who are asked; `acted` is not, since nobody plays.
        rows: how many steps there may be.
    """

    def __init__(self, annotators: Sequence[Annotator], rows: int) -> None:
        self._begun, self._before, self._after, self._ended = (
            asked(annotators, stage) for stage in ("begun", "before", "after", "ended")
        )
        self._declared = [column for annotator in annotators for column in annotator.columns]
        self._steps: dict[str, Array] = {}
        for column in self._declared:
            if column.table == "transitions":
                self._steps |= column.blank(rows)
        self._row = 0

    def begun(self, environment: gym.Env[Any, Any], info: Mapping[str, Any]) -> None:
        """The episode has begun."""
        for annotator in self._begun:
            annotator.begun(LANE, environment, info)

    def before(self, environment: gym.Env[Any, Any]) -> None:
        """Before a step."""
        for annotator in self._before:
            self._keep(annotator.before([LANE], [environment]))

    def after(self, info: Mapping[str, Any]) -> None:
        """After a step; the next one is the next row."""
        for annotator in self._after:
            self._keep(annotator.after([LANE], [info]))
        self._row += 1

    def of_steps(self, steps: int) -> dict[str, Array]:
        """[steps, ...]: what was said of the steps."""
        return {name: array[:steps] for name, array in self._steps.items()}

    def of_attempt(self, environment: gym.Env[Any, Any]) -> dict[str, Array]:
        """[1, ...]: what is said of the whole episode, at its end."""
        found: dict[str, Array] = {}
        for column in self._declared:
            if column.table == "episodes":
                found |= column.blank(1)
        for annotator in self._ended:
            for name, value in annotator.ended(LANE, environment).items():
                found[name][0] = value
        return found

    def _keep(self, said: Arrays) -> None:
        for name, values in said.items():
            self._steps[name][self._row] = values[0]
