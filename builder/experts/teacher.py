"""Columns with what the expert thought of what was done: likelihoods, values, distributions.

| column | of |
|---|---|
| `teacher.NAME` | the recorded `action`, or the observation alone |
| `teacher.NAME.expert` | `expert_action`, where that is recorded and the number depends on the action |
| `behaviour_log_prob` | the action, as whoever chose it was to choose it; null where that has no likelihood |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.annotations import Annotator, Arrays, Decided
from builder.episodes.declared import VALID, Declared
from builder.episodes.spaces import Array
from builder.errors import ConfigError
from builder.experts.evaluator import LOG_PROB, Evaluator, Mind
from builder.experts.network.network import ContinuousHead
from builder.experts.observations.seen import Asked, asked_of, decides_always, spread, view_of

PREFIX, LABEL = "teacher", "expert"
BEHAVIOUR = "behaviour_log_prob"
KEY = "dataset.teacher"


@dataclass(frozen=True, eq=False)
class Teacher:
    """The recipe of the columns.

    Attributes:
        mind: what is asked.
        names: what about.
        space: of what the expert sees.
        nullable: it is not asked at every step.
        labelled: `expert_action` is recorded too.
        sampled: what is done is a sample of the expert's distribution, and nobody interferes.
        notes: what a reader of the dataset should know of the numbers.
    """

    mind: Mind
    names: tuple[str, ...]
    space: gym.Space[Any]
    nullable: bool = False
    labelled: bool = False
    sampled: bool = False
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Declared, ...]:
        """All that it records."""
        return tuple(self._columns())

    def _columns(self) -> Iterator[Declared]:
        for name in self.names:
            space = gym.spaces.Box(-np.inf, np.inf, self.mind.shapes[name], np.float32)
            yield Declared(f"{PREFIX}.{name}", space, nullable=self.nullable)
            if name in self.of_labels:
                yield Declared(f"{PREFIX}.{name}.{LABEL}", space, nullable=self.nullable)
            if name == LOG_PROB:
                yield Declared(BEHAVIOUR, space, nullable=True)

    @property
    def of_labels(self) -> tuple[str, ...]:
        """What is asked about `expert_action` too."""
        return tuple(name for name in self.names if self.labelled and name in self.mind.of_actions)

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        """Asks about what the worker's actor saw."""
        return _Thinking(self, actor)


class _Thinking(Annotator):
    def __init__(self, recipe: Teacher, actor: Any) -> None:
        self.columns = recipe.columns
        self._recipe, self._actor = recipe, actor
        self._evaluate = Evaluator(recipe.mind, recipe.space)

    def acted(self, decided: Decided) -> Arrays:
        asked, width = asked_of(self._actor, decided), len(decided.lanes)
        said = self._said(asked, decided) if asked.observations else {}
        return spread(self.columns, width, asked, said)

    def _said(self, asked: Asked, decided: Decided) -> dict[str, Array]:
        recipe, masks = self._recipe, None if decided.masks is None else decided.masks[asked.here]
        actions = decided.actions[0][asked.here]
        found = self._evaluate(recipe.names, asked.observations, actions, masks)
        said = {f"{PREFIX}.{name}": values for name, values in found.items()}
        if LOG_PROB in found:
            valid = _likely(recipe.mind, actions) if recipe.sampled else np.zeros(len(actions), np.bool_)
            said[BEHAVIOUR] = np.where(valid, found[LOG_PROB], np.float32(0))
            said[f"{BEHAVIOUR}.{VALID}"] = valid
        if recipe.of_labels:
            labels = decided.expert_actions[0][asked.here]
            found = self._evaluate(recipe.of_labels, asked.observations, labels, masks)
            said |= {f"{PREFIX}.{name}.{LABEL}": values for name, values in found.items()}
        return said


def _likely(mind: Mind, actions: Array) -> Array:
    """Where a sampled action has a density, bool [rows]: not where it was clipped to its bounds."""
    head, space = mind.network.head, mind.network.action_space
    if not isinstance(head, ContinuousHead) or head.squash or not isinstance(space, gym.spaces.Box):
        return np.ones(len(actions), np.bool_)
    inside = (actions > space.low) & (actions < space.high)
    return np.asarray(inside.reshape(len(actions), -1).all(axis=1))


def teacher_of(  # noqa: PLR0913  (all but the first three have a keyword)
    mind: Mind,
    names: Sequence[str],
    player: Any,
    *,
    spaces: tuple[gym.Space[Any], gym.Space[Any]],
    expert: str,
    labelled: bool = False,
    sampled: bool = False,
    notes: tuple[str, ...] = (),
    lacking: str | None = None,
) -> Teacher:
    """What an agent is asked while it plays, or while recorded episodes are shown to it.

    Args:
        mind: the agent's.
        names: what about.
        player: what plays it, behind its wrappers.
        spaces: of the environment: what is observed, and what is done.
        expert: its name.
        labelled: see `Teacher`.
        sampled: see `Teacher`.
        notes: see `Teacher`.
        lacking: why there is not more to be had; None: its algorithm has no more.

    Raises:
        ConfigError: it cannot say what it is asked, which names what it can.
        SpaceError: it was trained on other spaces.
    """
    if missing := [name for name in names if name not in mind.shapes]:
        raise not_available(expert, missing[0], tuple(mind.shapes), lacking)
    view = view_of(player)
    seen = spaces[0] if view is None else view.space(*spaces)
    always = decides_always(view)
    found = Teacher(
        mind,
        tuple(dict.fromkeys(names)),
        seen,
        nullable=not always,
        labelled=labelled,
        sampled=sampled,
        notes=notes,
    )
    Evaluator(mind, seen)  # which refuses other spaces
    return found


def not_available(
    expert: str, name: str, available: Sequence[str], lacking: str | None = None
) -> ConfigError:
    """What is said where an expert cannot say what it is asked."""
    return ConfigError(
        f"{KEY}: {expert} has no {name}" + (f", {lacking}" if lacking else ""),
        expected=", ".join(available) or None,
        got=name if available else None,
        remedy=f"leave {name} out of {KEY}",
    )
