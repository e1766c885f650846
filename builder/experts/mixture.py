"""Several experts that take turns, an attempt each: `checkpoint-mixture`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.spaces import Array
from builder.experts.actor import Actor, Player, told

MIXTURE = "checkpoint-mixture"
"""What such datasets are called."""


@dataclass(frozen=True)
class MixturePlayer:
    """Plays attempt i with the i-th of its members, counted round and round.

    Attributes:
        members: in their order.
    """

    members: tuple[Player, ...]

    @property
    def alone(self) -> bool:
        """Whether one of them has to be."""
        return any(member.alone for member in self.members)

    @property
    def masked(self) -> bool:
        """Whether they are asked with masks; all are, or none."""
        return any(member.masked for member in self.members)

    @property
    def deterministic(self) -> bool:
        """Whether none of them samples."""
        return all(getattr(member, "deterministic", True) for member in self.members)

    def careful(self) -> MixturePlayer:
        """The same, each member asked as one of which nothing is known."""
        return MixturePlayer(tuple(member.careful() for member in self.members))

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        """A new actor for one worker.

        Raises:
            SpaceError: a member does not fit these spaces.
        """
        return _MixtureActor([member.actor(observation_space, action_space) for member in self.members])


class _MixtureActor:
    def __init__(self, members: Sequence[Actor]) -> None:
        self._members = members
        self._playing: dict[int, int] = {}

    def begin(self, lane: int, context: Context) -> None:
        self._playing[lane] = context.index % len(self._members)
        self._members[self._playing[lane]].begin(lane, context)

    def memory(self, lane: int) -> Any:
        return self._members[self._playing[lane]].memory(lane)

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        self._playing[lane] = context.index % len(self._members)
        self._members[self._playing[lane]].resume(lane, context, memory)

    def act(
        self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> Sequence[Array]:
        found: list[Array] = []
        for member, rows in self._rows(lanes):
            given = ([leaf[rows] for leaf in observations], [lanes[row] for row in rows])
            actions = self._members[member].act(*given, *(() if masks is None else (masks[rows],)))
            if not found:
                found = [np.empty((len(lanes), *leaf.shape[1:]), leaf.dtype) for leaf in actions]
            for whole, leaf in zip(found, actions, strict=True):
                whole[rows] = leaf
        return found

    def told(self, actions: Sequence[Array], lanes: Sequence[int]) -> None:
        """What was done, to whom it was done in the place of."""
        for member, rows in self._rows(lanes):
            told(self._members[member], [leaf[rows] for leaf in actions], [lanes[row] for row in rows])

    def end(self) -> None:
        for member in self._members:
            member.end()

    def _rows(self, lanes: Sequence[int]) -> list[tuple[int, list[int]]]:
        """The members that are playing, each with its rows."""
        rows: dict[int, list[int]] = {}
        for row, lane in enumerate(lanes):
            rows.setdefault(self._playing[lane], []).append(row)
        return sorted(rows.items())


def without_sampling(player: Player) -> Player:
    """The same expert, answering without sampling; of one that is never told to sample, itself."""
    if isinstance(player, MixturePlayer):
        return MixturePlayer(tuple(map(without_sampling, player.members)))
    recipe: Any = player
    if getattr(recipe, "deterministic", True):
        return player
    best: Player = dataclasses.replace(recipe, deterministic=True)
    return best


def who_played(identity: Mapping[str, Any], attempts: Array, name: str) -> Array:
    """Object [attempts]: the names of those who played them.

    Args:
        identity: of the expert, as a manifest has it.
        attempts: int64 [attempts].
        name: of an expert that is one.
    """
    members = [member["name"] for member in identity.get("members", ())]
    if not members:
        return np.full(len(attempts), name, object)
    return np.array([members[attempt % len(members)] for attempt in attempts.tolist()], object)
