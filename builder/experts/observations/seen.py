"""What a policy saw at each step, as a column: behind its wrappers, which is not what is observed there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.episodes.annotations import Annotator, Arrays, Decided
from builder.episodes.declared import VALID, Declared
from builder.episodes.spaces import Array
from builder.experts.observations.wrapped_policy import PolicyView, WrappedActor

COLUMN = "policy_observation"


def view_of(player: Any) -> PolicyView | None:
    """What stands between the environment and a player; None: it sees what is observed."""
    view = getattr(player, "view", None)
    return view if isinstance(view, PolicyView) else None


def decides_always(view: PolicyView | None) -> bool:
    """Whether a policy is asked at every step."""
    return view is None or not view.timed


@dataclass(frozen=True, eq=False)
class Asked:
    """What a policy was shown in a tick.

    Attributes:
        observations: per leaf of the space that it sees [asked rows, ...]; no leaves where no row was asked.
        rows: which rows of the tick these are; None: all.
    """

    observations: Sequence[Array]
    rows: Sequence[int] | None = None

    @property
    def here(self) -> slice | list[int]:
        """The rows as an index into what has one row per lane."""
        return slice(None) if self.rows is None else list(self.rows)


def asked_of(actor: Any, decided: Decided) -> Asked:
    """What the policy of a worker's actor was shown when it was asked last.

    Args:
        actor: the worker's.
        decided: of the tick.
    """
    if isinstance(actor, WrappedActor):
        return Asked(actor.seen, actor.asked_rows)
    return Asked(decided.observations)


def spread(columns: Iterable[Declared], width: int, asked: Asked, said: Arrays) -> Arrays:
    """What is known of the rows that a policy was asked about, as columns of all rows.

    Args:
        columns: where the policy is not always asked, all of them may be null.
        width: rows of the tick.
        asked: which of them.
        said: [asked rows, ...], by the names of the columns' arrays.
    """
    if asked.rows is None:
        return said
    found: dict[str, Array] = {}
    for column in columns:
        found |= column.blank(width)
        for name in column.arrays:
            if name in said:
                found[name][asked.here] = said[name]
            elif name == f"{column.name}.{VALID}":
                found[name][asked.here] = True
    return found


@dataclass(frozen=True)
class SeenObservations:
    """The recipe of the column `policy_observation`.

    Attributes:
        columns: that column, in the space that the policy sees.
    """

    columns: tuple[Declared, ...]

    @staticmethod
    def of(player: Any, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> SeenObservations:
        """What a player sees of an environment with these spaces.

        Raises:
            SpaceError: a wrapper does not apply.
        """
        view = view_of(player)
        space = observation_space if view is None else view.space(observation_space, action_space)
        return SeenObservations((Declared(COLUMN, space, nullable=not decides_always(view)),))

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        """Asks the worker's actor what it saw."""
        return _Seen(self.columns, actor)


class _Seen(Annotator):
    def __init__(self, columns: tuple[Declared, ...], actor: Any) -> None:
        self.columns = columns
        self._actor = actor

    def acted(self, decided: Decided) -> Arrays:
        asked = asked_of(self._actor, decided)
        said = dict(zip(self.columns[0].arrays, asked.observations, strict=False))  # without its `valid`
        return spread(self.columns, len(decided.lanes), asked, said)
