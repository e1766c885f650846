"""Playing a policy behind the wrappers that it was trained behind."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.spaces import Array
from builder.experts.actor import Actor
from builder.experts.observations.transforms import Observer, RemembersActions, Transform


@dataclass(frozen=True)
class Opening:
    """How Atari games begin in training (`NoopResetEnv`, `FireResetEnv`); these steps are recorded too.

    Attributes:
        noops: the attempt draws 1 to this many steps of action 0; none if this is 0.
        fire: then action 1, FIRE, and then action 2, for this many steps each.
    """

    noops: int
    fire: int

    def actions(self, rng: np.random.Generator) -> tuple[int, list[int]]:
        """The number of no-ops, and all the actions."""
        noops = int(rng.integers(1, self.noops + 1)) if self.noops else 0
        return noops, [0] * noops + [1] * self.fire + [2] * self.fire


@dataclass(frozen=True)
class PolicyView:
    """What a policy sees of an environment. Picklable.

    Attributes:
        every_step: transforms that see every step.
        decisions: transforms that only see the steps on which the policy decides.
        repeat: how many steps each action is played for (`FrameSkip`, `MaxAndSkipEnv`).
        opening: what is played before the policy first decides.
    """

    every_step: tuple[Transform, ...] = ()
    decisions: tuple[Transform, ...] = ()
    repeat: int = 1
    opening: Opening | None = None

    @property
    def timed(self) -> bool:
        """Whether there are steps on which the policy is not asked."""
        return self.repeat > 1 or self.opening is not None

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        """The space that the policy sees where the environment's is `space`.

        Raises:
            SpaceError: a transform does not apply.
        """
        for transform in (*self.every_step, *self.decisions):
            space = transform.space(space, action_space)
        return space


class WrappedActor:
    """Shows another actor what it should see.

    Args:
        actor: who decides.
        view: what it sees.
        observation_space: the environment's.
        action_space: the environment's.

    Attributes:
        seen: what the other was shown in the last tick: per leaf [asked rows, ...]; no leaves where it was
            not asked.
        asked_rows: which rows these were; None: all.
    """

    def __init__(
        self,
        actor: Actor,
        view: PolicyView,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
    ) -> None:
        self._actor = actor
        self._view = view
        observers: list[Observer] = []
        for transform in (*view.every_step, *view.decisions):
            observers.append(transform.observer(observation_space, action_space))
            observation_space = transform.space(observation_space, action_space)
        self._every_step = observers[: len(view.every_step)]
        self._decisions = observers[len(view.every_step) :]
        self._lanes: dict[int, _Timing] = {}
        self.seen: Sequence[Array] = ()
        self.asked_rows: Sequence[int] | None = None

    def begin(self, lane: int, context: Context) -> None:
        for observer in (*self._every_step, *self._decisions):
            observer.begin(lane)
        self._lanes[lane] = _Timing(self._view, context)
        self._actor.begin(lane, context)

    def memory(self, lane: int) -> Any:
        seen = [observer.memory(lane) for observer in (*self._every_step, *self._decisions)]
        timing = copy.copy(self._lanes[lane]) if self._view.timed else None
        remembered = (seen, timing, self._actor.memory(lane))
        return None if all(part is None for part in (*seen, *remembered[1:])) else remembered

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        seen, timing, inner = memory
        for observer, part in zip((*self._every_step, *self._decisions), seen, strict=True):
            observer.resume(lane, part)
        self._lanes[lane] = copy.copy(timing)
        self._actor.resume(lane, context, inner)

    def end(self) -> None:
        self._actor.end()

    def act(
        self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> Sequence[Array]:
        for lane in lanes if self._view.opening is not None else ():
            if self._lanes[lane].at_noops_end:
                for observer in self._every_step:  # the skipping of frames starts here
                    observer.begin(lane)
        seen = _through(self._every_step, observations, lanes)
        choose = self._timely if self._view.timed else self._choose
        actions = choose(seen, lanes, *(() if masks is None else (masks,)))
        for observer in self._every_step:
            observer.acted(actions, lanes)
        return [actions]

    def told(self, actions: Sequence[Array], lanes: Sequence[int]) -> None:
        """What was done; an action that is played for several steps is remembered as its first one was."""
        rows = range(len(lanes)) if self.asked_rows is None else self.asked_rows
        for observers, told in ((self._every_step, range(len(lanes))), (self._decisions, rows)):
            for observer in observers:
                if isinstance(observer, RemembersActions) and len(told):
                    observer.told(actions[0][[*told]], [lanes[row] for row in told])

    def _choose(self, seen: Sequence[Array], lanes: Sequence[int], *masks: Array) -> Array:
        self.seen = seen = _through(self._decisions, seen, lanes)
        actions = self._actor.act(seen, lanes, *masks)[0]
        for observer in self._decisions:
            observer.acted(actions, lanes)
        return actions

    def _timely(self, seen: Sequence[Array], lanes: Sequence[int], *masks: Array) -> Array:
        """Ask the policy on the lanes where it is time; elsewhere the opening or the last action goes on."""
        self.asked_rows = rows = [row for row, lane in enumerate(lanes) if self._lanes[lane].decides]
        self.seen = ()
        if rows:
            deciding = [lanes[row] for row in rows]
            chosen = self._choose([leaf[rows] for leaf in seen], deciding, *(mask[rows] for mask in masks))
            for lane, action in zip(deciding, chosen, strict=True):
                self._lanes[lane].last = action
        return np.stack([self._lanes[lane].step() for lane in lanes])


class _Timing:
    """Where an attempt is: in its opening, or at which step since the policy last decided."""

    def __init__(self, view: PolicyView, context: Context) -> None:
        self._repeat = view.repeat
        self._noops, self._opening = (0, []) if view.opening is None else view.opening.actions(context.rng)
        self._age = 0
        self.last: Array = np.zeros(0)

    @property
    def at_noops_end(self) -> bool:
        return self._age == self._noops

    @property
    def decides(self) -> bool:
        since = self._age - len(self._opening)
        return since >= 0 and since % self._repeat == 0

    def step(self) -> Array:
        self._age += 1
        if self._age <= len(self._opening):
            return np.asarray(self._opening[self._age - 1])
        return self.last


def _through(observers: Sequence[Observer], seen: Sequence[Array], lanes: Sequence[int]) -> Sequence[Array]:
    for observer in observers:
        seen = observer.see(seen, lanes)
    return seen
