"""What a foreign policy says of itself: its own `evaluate(obs, action)`, asked one observation at a time."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.annotations import Annotator, Arrays, Decided
from builder.episodes.declared import Declared
from builder.episodes.spaces import Array, assemble
from builder.errors import ExpertError, NotFiniteError
from builder.experts.evaluator import LOG_PROB, Q_VALUE
from builder.experts.foreign import ForeignPlayer, ForeignPolicy
from builder.experts.observations.seen import asked_of, decides_always, spread, view_of
from builder.experts.teacher import BEHAVIOUR, LABEL, PREFIX, not_available

EXPECTED = "evaluate(obs, action) -> a mapping of names to numbers, by its arguments alone"
NOTE = "the teacher's numbers are what the policy's own evaluate says"


@dataclass(frozen=True, eq=False)
class OwnTeacher:
    """The recipe of the columns.

    Attributes:
        player: of the policy.
        shapes: of what it says, by name.
        spaces: of what it sees, and of what is done.
        nullable: it is not asked at every step.
        labelled: `expert_action` is recorded too.
    """

    player: ForeignPlayer
    shapes: Mapping[str, tuple[int, ...]]
    spaces: tuple[gym.Space[Any], gym.Space[Any]]
    nullable: bool = False
    labelled: bool = False
    notes: tuple[str, ...] = (NOTE,)

    @property
    def columns(self) -> tuple[Declared, ...]:
        """All that it records; whether it samples, nobody knows, so that `behaviour_log_prob` is null."""
        found = []
        for name, shape in self.shapes.items():
            space = gym.spaces.Box(-np.inf, np.inf, shape, np.float32)
            found.append(Declared(f"{PREFIX}.{name}", space, nullable=self.nullable))
            if name in self.of_labels:
                found.append(Declared(f"{PREFIX}.{name}.{LABEL}", space, nullable=self.nullable))
            if name == LOG_PROB:
                found.append(Declared(BEHAVIOUR, space, nullable=True))
        return tuple(found)

    @property
    def of_labels(self) -> tuple[str, ...]:
        """What is asked about `expert_action` too."""
        return tuple(name for name in self.shapes if self.labelled and name in (LOG_PROB, Q_VALUE))

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        """Asks a copy of the policy about what the worker's actor saw."""
        return _Asking(self, actor)


class _Asking(Annotator):
    def __init__(self, recipe: OwnTeacher, actor: Any) -> None:
        self.columns = recipe.columns
        self._recipe, self._actor = recipe, actor
        self._policy: Any = ForeignPolicy(recipe.player.careful()).fresh()

    def acted(self, decided: Decided) -> Arrays:
        asked, width, recipe = asked_of(self._actor, decided), len(decided.lanes), self._recipe
        if not asked.observations:
            return spread(self.columns, width, asked, {})
        actions = [leaf[asked.here] for leaf in decided.actions]
        found = self._asked(asked.observations, actions, tuple(recipe.shapes))
        said = {f"{PREFIX}.{name}": values for name, values in found.items()}
        if recipe.of_labels:
            labels = [leaf[asked.here] for leaf in decided.expert_actions]
            found = self._asked(asked.observations, labels, recipe.of_labels)
            said |= {f"{PREFIX}.{name}.{LABEL}": values for name, values in found.items()}
        if LOG_PROB in recipe.shapes:
            (blank,) = (column.blank(len(actions[0])) for column in self.columns if column.name == BEHAVIOUR)
            said |= blank
        return spread(self.columns, width, asked, said)

    def _asked(
        self, observations: Sequence[Array], actions: Sequence[Array], names: Sequence[str]
    ) -> dict[str, Array]:
        shapes, rows = self._recipe.shapes, len(actions[0])
        found = {name: np.empty((rows, *shapes[name]), np.float32) for name in names}
        for row in range(rows):
            parts = [leaf[row].copy() for leaf in observations], [leaf[row].copy() for leaf in actions]
            answer = _answer(self._policy, self._recipe.spaces, *parts)
            for name, values in found.items():
                values[row] = _number(answer, name, shapes[name])
        return found


def own_teacher(
    player: ForeignPlayer,
    names: Sequence[str],
    *,
    spaces: tuple[gym.Space[Any], gym.Space[Any]],
    expert: str,
    labelled: bool = False,
) -> OwnTeacher:
    """What a foreign policy is asked while it plays; the arguments are those of `teacher_columns`.

    Raises:
        ConfigError: it has no `evaluate`, or that does not say what is asked for.
        ExpertError: its `evaluate` raises, or says what is no number.
    """
    policy: Any = ForeignPolicy(player.careful()).fresh()
    if not callable(getattr(policy, "evaluate", None)):
        raise not_available(expert, names[0], (), f"since it has no {EXPECTED}")
    view = view_of(player)
    seen = spaces[0] if view is None else view.space(*spaces)
    observation, action = (copy.deepcopy(space) for space in (seen, spaces[1]))
    observation.seed(0)
    action.seed(0)
    answer = _mapping(policy, observation.sample(), action.sample())
    if missing := [name for name in names if name not in answer]:
        raise not_available(expert, missing[0], tuple(map(str, answer)), "by its own evaluate")
    shapes = {name: np.shape(answer[name]) for name in dict.fromkeys(names)}
    for name, shape in shapes.items():
        _number(answer, name, shape)
    return OwnTeacher(player, shapes, (seen, spaces[1]), not decides_always(view), labelled)


def _answer(
    policy: Any,
    spaces: tuple[gym.Space[Any], gym.Space[Any]],
    observation: Sequence[Array],
    action: Sequence[Array],
) -> Mapping[str, Any]:
    return _mapping(policy, assemble(spaces[0], [*observation]), assemble(spaces[1], [*action]))


def _mapping(policy: Any, observation: Any, action: Any) -> Mapping[str, Any]:
    answer = policy.evaluate(observation, action)
    if not isinstance(answer, Mapping):
        raise ExpertError(
            f"evaluate of the expert {type(policy).__name__}", expected=EXPECTED, got=type(answer).__name__
        )
    return answer


def _number(answer: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> Array:
    """What was said of a name, float32."""
    found = np.asarray(answer.get(name))
    if found.dtype.kind not in "biuf" or found.shape != shape:
        raise ExpertError(
            f"what the expert's own evaluate says of {name}",
            expected=f"numbers of shape {shape}",
            got=f"{found.dtype}{found.shape}",
        )
    if not np.isfinite(found).all():
        raise NotFiniteError(f"the expert's {name} is NaN or infinite")
    return found.astype(np.float32)
