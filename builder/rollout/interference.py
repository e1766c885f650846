"""Who and what comes between an expert's choice and what is done: noise, and labels where it samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.episodes.annotations import Annotator, Arrays, Decided
from builder.episodes.context import Context
from builder.episodes.declared import EXPERT_ACTION, Declared
from builder.episodes.noise import Noise
from builder.episodes.spaces import Array
from builder.experts.actor import Actor, Player, told
from builder.rollout.disturbance import Disturbance

Hold = Callable[[Sequence[Array]], Sequence[Array]]
"""Holds actions to their space."""


@dataclass(frozen=True)
class Interference:
    """The recipe. Picklable as far as its players are.

    Attributes:
        noise: on what is done; None: there is none.
        labeller: the expert as it answers without sampling, where it plays by sampling; None: as it plays.
    """

    noise: Noise | None = None
    labeller: Player | None = None

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
        self._disturbance = None if recipe.noise is None else Disturbance(recipe.noise, spaces[1])

    def begin(self, lane: int, context: Context) -> None:
        """An attempt starts on this lane; its expert has begun."""
        if self._labeller is not None:
            self._labeller.begin(lane, context)
        if self._disturbance is not None:
            self._disturbance.begin(lane, context)

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
        actions = chosen
        if self._disturbance is not None:
            actions = self._disturbance.apply(actions, lanes, masks)
        for actor in (self._actor, self._labeller):
            told(actor, actions, lanes)
        return Decided(lanes, observations, actions, best, masks)

    def end(self) -> None:
        """All attempts of this play have been played."""
        if self._labeller is not None:
            self._labeller.end()


class _Labels(Annotator):
    def __init__(self, column: Declared) -> None:
        self.columns = (column,)
        self._names = column.arrays

    def acted(self, decided: Decided) -> Arrays:
        return dict(zip(self._names, decided.expert_actions, strict=True))


@dataclass(frozen=True)
class ExpertLabels:
    """The annotation that records what the expert would have done, as `expert_action`.

    Attributes:
        space: the action space.
    """

    space: gym.Space[Any]

    @property
    def columns(self) -> tuple[Declared, ...]:
        return (Declared(EXPERT_ACTION, self.space),)

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        return _Labels(self.columns[0])
