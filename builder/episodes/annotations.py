"""The contract of what is recorded beside what every build records: at each step, and at each attempt's ends.

| when | an annotator is asked |
|---|---|
| an attempt has begun | `begun`, with what `reset` said |
| before the actions of a tick | `before`, with the environments as they are |
| once the actions are decided | `acted`, with what was seen and what will be done |
| after the step | `after`, with what each `step` said |
| an attempt has ended | `ended`, with its environment as it is then |

Each gives arrays by the names that its columns have (`builder.episodes.declared`). An attempt's must depend
on the attempt alone: not on the other lanes, nor on what was played before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym

from builder.episodes.declared import Declared
from builder.episodes.spaces import Array

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Decided:
    """The actions of a tick.

    Attributes:
        lanes: the lane of each row.
        observations: per leaf of the observation space [rows, ...]; valid during the call only.
        actions: per leaf of the action space [rows, ...], as the environments are given them.
        expert_actions: likewise, what the expert has chosen; the same arrays where nobody interferes.
        masks: bool [rows, choices]: which choices were allowed; None where nobody asks.
        others: bool [rows]: which actions another policy has chosen; None where there is no other.
    """

    lanes: Sequence[int]
    observations: Sequence[Array]
    actions: Sequence[Array]
    expert_actions: Sequence[Array]
    masks: Array | None = None
    others: Array | None = None


class Annotator:
    """What one worker asks, for all its lanes. Every method may be left as it is: it gives nothing."""

    columns: tuple[Declared, ...] = ()

    def begun(self, lane: int, environment: gym.Env[Any, Any], info: Mapping[str, Any]) -> None:
        """An attempt has begun on a lane, with what `reset` returned as `info`."""

    def before(self, lanes: Sequence[int], environments: Sequence[gym.Env[Any, Any]]) -> Arrays:
        """[rows, ...]: what is known before a tick's actions."""
        return {}

    def acted(self, decided: Decided) -> Arrays:
        """[rows, ...]: what is known of a tick's actions before the step."""
        return {}

    def after(self, lanes: Sequence[int], infos: Sequence[Mapping[str, Any]]) -> Arrays:
        """[rows, ...]: what is known after the step."""
        return {}

    def ended(self, lane: int, environment: gym.Env[Any, Any]) -> Arrays:
        """[...]: what is known of an attempt that has ended, for columns of the table "episodes"."""
        return {}


def notes_of(annotation: object) -> tuple[str, ...]:
    """What a reader of the dataset should know of what an annotation records; most have nothing to say."""
    return tuple(getattr(annotation, "notes", ()))


STAGES = ("begun", "before", "acted", "after", "ended")
"""When annotators are asked."""


def asked(annotators: Sequence[Annotator], stage: str) -> tuple[Annotator, ...]:
    """Those that have something to say at a stage."""
    return tuple(
        annotator
        for annotator in annotators
        if getattr(type(annotator), stage) is not getattr(Annotator, stage)
    )


class Annotation(Protocol):
    """The picklable recipe of an annotator."""

    @property
    def columns(self) -> tuple[Declared, ...]:
        """What it records."""

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        """A new annotator for one worker.

        Args:
            actor: the worker's, which has answered whenever `acted` is called; None: nobody plays, since
                recorded actions are played again.
            spaces: of the environment: what is observed, and what is done.
        """
