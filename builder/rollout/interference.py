"""Who and what comes between an expert's choice and what is done: another policy, and noise.

Whoever plays and whatever is done, the expert is asked at every step, and told what was done: its labels are
those of the history that was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.annotations import Annotator, Arrays, Decided
from builder.episodes.context import Context
from builder.episodes.declared import CONTROLLER, EXPERT_ACTION, Declared
from builder.episodes.noise import Noise
from builder.episodes.seeding import OTHER, stream_seed
from builder.episodes.spaces import Array
from builder.episodes.switch import Switch
from builder.experts.actor import Actor, Player, told
from builder.rollout.disturbance import Disturbance
from builder.rollout.turns import Turns

Hold = Callable[[Sequence[Array]], Sequence[Array]]
"""Holds actions to their space."""


@dataclass(frozen=True)
class Interference:
    """The recipe. Picklable as far as its players are.

    Attributes:
        noise: on what is done; None: there is none.
        switch: when another policy plays; None: never.
        other: that policy.
        labeller: the expert as it answers without sampling, where it plays by sampling; None: as it plays.
        notes: what a reader should know of it.
    """

    noise: Noise | None = None
    switch: Switch | None = None
    other: Player | None = None
    labeller: Player | None = None
    notes: tuple[str, ...] = ()

    def of(self, actor: Actor, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Interfering:
        """What one worker has of it.

        Args:
            actor: the worker's expert.
            spaces: of the environment: what is observed, and what is done.
        """
        return Interfering(self, actor, spaces)


class Interfering:
    """What one worker does to the actions of its expert, for all its lanes."""

    def __init__(
        self, recipe: Interference, actor: Actor, spaces: tuple[gym.Space[Any], gym.Space[Any]]
    ) -> None:
        self._actor = actor
        self._labeller = None if recipe.labeller is None else recipe.labeller.actor(*spaces)
        self._other = None if recipe.other is None else recipe.other.actor(*spaces)
        self._turns = None if recipe.switch is None else Turns(recipe.switch)
        self._disturbance = None if recipe.noise is None else Disturbance(recipe.noise, spaces[1])

    def begin(self, lane: int, context: Context) -> None:
        """An attempt starts on this lane; its expert has begun."""
        if self._labeller is not None:
            self._labeller.begin(lane, context)
        if self._disturbance is not None:
            self._disturbance.begin(lane, context)
        if self._other is not None and self._turns is not None:
            self._turns.begin(lane, context)
            seed = stream_seed(context.root_seed, context.index, OTHER)
            self._other.begin(lane, Context(context.index, seed))

    def decided(
        self,
        hold: Hold,
        observations: Sequence[Array],
        lanes: Sequence[int],
        chosen: Sequence[Array],
        masks: Array | None = None,
    ) -> Decided:
        """What is done, and what the expert would have done.

        Args:
            hold: holds what others than the expert choose to the action space.
            observations: per leaf [rows, ...], as the expert was given them.
            lanes: of the rows.
            chosen: per leaf [rows, ...]: the expert's actions, within their space.
            masks: bool [rows, choices]: which choices are allowed.
        """
        asked = (observations, lanes, *(() if masks is None else (masks,)))
        best = chosen if self._labeller is None else hold(self._labeller.act(*asked))
        actions, others = self._taken_turns(hold, asked, chosen)
        if self._disturbance is not None:
            actions = self._disturbance.apply(actions, lanes, masks)
        for actor in (self._actor, self._labeller, self._other):
            told(actor, actions, lanes)
        return Decided(lanes, observations, actions, best, masks, others)

    def _taken_turns(
        self, hold: Hold, asked: tuple[Any, ...], chosen: Sequence[Array]
    ) -> tuple[Sequence[Array], Array | None]:
        """The actions of those whose turn it is, and in which rows that is the other policy.

        It is asked at every step, whoever plays, so that it knows all that it would have seen alone.
        """
        if self._other is None or self._turns is None:
            return chosen, None
        others = self._turns.others(asked[1])
        theirs = hold(self._other.act(*asked))
        return [_where(others, *pair) for pair in zip(theirs, chosen, strict=True)], others

    def end(self) -> None:
        """All attempts of this play have been played."""
        for actor in (self._labeller, self._other):
            if actor is not None:
                actor.end()


def _where(rows: Array, theirs: Array, ours: Array) -> Array:
    """[rows, ...]: theirs in these rows, ours in the others."""
    mixed = ours.copy()
    mixed[rows] = theirs[rows]
    return mixed


class _Labels(Annotator):
    def __init__(self, columns: tuple[Declared, ...]) -> None:
        self.columns, self._names = columns, columns[0].arrays

    def acted(self, decided: Decided) -> Arrays:
        said = dict(zip(self._names, decided.expert_actions, strict=True))
        return said if decided.others is None else {**said, CONTROLLER: decided.others.astype(np.int64)}


@dataclass(frozen=True)
class ExpertLabels:
    """The annotation that records what the expert would have done, and who has chosen what was done.

    Attributes:
        space: the action space.
        switched: another policy plays too.
    """

    space: gym.Space[Any]
    switched: bool = False

    @property
    def columns(self) -> tuple[Declared, ...]:
        labels = Declared(EXPERT_ACTION, self.space)
        return (labels, Declared(CONTROLLER, gym.spaces.Discrete(2))) if self.switched else (labels,)

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        return _Labels(self.columns)
