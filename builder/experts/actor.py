"""What chooses the actions in a rollout.

An `Actor` serves one worker and all its lanes. A `Player` is the picklable recipe from which each worker
makes its own actor; it crosses to worker processes, the actor never does.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cloudpickle
import gymnasium as gym
import numpy as np

from builder.environments.masks import random_choice
from builder.episodes.bounds import bounds, starts_elsewhere
from builder.episodes.context import Context
from builder.episodes.seeding import ACTION_SPACE, stream_seed
from builder.episodes.spaces import Array, Leaf, leaves
from builder.errors import ExpertError, SpaceError


class Actor(Protocol):
    """Chooses actions for a batch of lanes.

    A lane plays one attempt after another; `begin` announces each. Whatever the batch, an attempt's
    actions depend on its own observations and its own `Context` alone.
    """

    def begin(self, lane: int, context: Context) -> None:
        """An attempt starts on this lane: forget whatever was played on it before."""

    def memory(self, lane: int) -> Any:
        """What a lane's attempt goes on from, whatever is played afterwards; None: nothing is remembered."""

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        """An attempt goes on, on this lane, from what `memory` gave."""

    def act(
        self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> Sequence[Array]:
        """Choose one action per row.

        Args:
            observations: per leaf of the observation space, an array [rows, *leaf shape] in the leaf's dtype.
                Valid during this call only.
            lanes: the lane of each row.
            masks: which choices are allowed, bool [rows, choices], where the environment is asked for that.

        Returns:
            Per leaf of the action space, an array [rows, *leaf shape] in the leaf's dtype.
        """

    def end(self) -> None:
        """All attempts of this call to `play` have been played.

        Raises:
            NotStatelessError: they may have been played wrongly; see `Player.careful`.
        """


@runtime_checkable
class Told(Protocol):
    """An actor that remembers what was done."""

    def told(self, actions: Sequence[Array], lanes: Sequence[int]) -> None:
        """The environments were given these actions in the place of those that `act` has just chosen.

        Args:
            actions: per leaf of the action space [rows, ...].
            lanes: of the rows, which are those of the last `act`.
        """


def told(actor: object, actions: Sequence[Array], lanes: Sequence[int]) -> None:
    """Tell an actor what was done in the place of its choice, where it remembers that."""
    if isinstance(actor, Told):
        actor.told(actions, lanes)


class Player(Protocol):
    """A picklable recipe for actors."""

    @property
    def alone(self) -> bool:
        """Whether a process must play one attempt at a time, with the generators of the process to itself."""

    @property
    def masked(self) -> bool:
        """Whether it is asked with masks of the allowed actions, so that it is not itself without them."""

    def careful(self) -> Player:
        """The same, asked as one of which nothing is known; it gives the same actions, only more slowly."""

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        """A new actor for one worker.

        Raises:
            SpaceError: the expert does not fit these spaces.
        """


def pack(player: Any) -> bytes:
    """Serialise a player, or what holds some, for the workers, lambdas and local classes included.

    Raises:
        ExpertError: it holds something that cannot be serialised, an open file for instance.
    """
    try:
        packed: bytes = cloudpickle.dumps(player)
    except (Exception, SystemExit) as error:
        raise ExpertError(
            f"the expert cannot be sent to the workers: {error}",
            remedy="give a factory in its place, which each worker calls",
        ) from error
    return packed


@dataclass(frozen=True)
class RandomPlayer:
    """Samples the action space, each attempt from its own seed."""

    alone = False
    masked = False

    def careful(self) -> RandomPlayer:
        return self

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        return _RandomActor(action_space)


class _RandomActor:
    def __init__(self, action_space: gym.Space[Any]) -> None:
        self._space = action_space
        self._columns = action_columns(action_space)
        self._lanes: dict[int, gym.Space[Any]] = {}

    def begin(self, lane: int, context: Context) -> None:
        if lane not in self._lanes:
            self._lanes[lane] = copy.deepcopy(self._space)
        self._lanes[lane].seed(stream_seed(context.root_seed, context.index, ACTION_SPACE))

    def memory(self, lane: int) -> Any:
        return copy.deepcopy(self._lanes[lane])

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        self._lanes[lane] = copy.deepcopy(memory)

    def act(
        self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> Sequence[Array]:
        if masks is None:
            drawn: Iterable[Any] = (self._lanes[lane].sample() for lane in lanes)
        else:
            drawn = (random_choice(self._lanes[lane], mask) for lane, mask in zip(lanes, masks, strict=True))
        return stack_actions(self._columns, drawn, len(lanes))

    def end(self) -> None:
        """Nothing is kept but the attempts' own seeds."""


class Predictor(Protocol):
    """Anything with Stable-Baselines3's `predict` can be an expert."""

    def predict(self, obs: Any, state: Any = None, deterministic: bool = True) -> tuple[Any, Any]:
        """The action for one observation (or a batch) and the policy's next hidden state."""


def observation_keyword(policy: Predictor) -> str:
    """What `predict` calls it: `obs`; or `observation`, as the models of Stable-Baselines3 do."""
    try:
        known = inspect.signature(policy.predict).parameters
    except (TypeError, ValueError):  # a method that does not tell
        return "obs"
    return "observation" if "observation" in known and "obs" not in known else "obs"


def takes_masks(policy: Predictor) -> bool:
    """Whether `predict` has an argument `action_masks`, as that of MaskablePPO has."""
    try:
        return "action_masks" in inspect.signature(policy.predict).parameters
    except (TypeError, ValueError, AttributeError):  # a method that does not tell; or none
        return False


@dataclass(frozen=True)
class ActionColumn:
    """A leaf of an action space, and what its whole numbers may be.

    Attributes:
        leaf: the leaf.
        low: the least value that an answer may have; of a Box, what its dtype holds. None: any number.
        high: the greatest one.
    """

    leaf: Leaf
    low: Any
    high: Any

    @staticmethod
    def of(leaf: Leaf) -> ActionColumn:
        """The column of a leaf."""
        if leaf.dtype.kind == "f":
            return ActionColumn(leaf, None, None)
        if isinstance(leaf.space, gym.spaces.Box) and leaf.dtype.kind != "b":
            limits = np.iinfo(leaf.dtype)
            return ActionColumn(leaf, int(limits.min), int(limits.max))
        return ActionColumn(leaf, *bounds(leaf))


def action_columns(action_space: gym.Space[Any]) -> tuple[ActionColumn, ...]:
    """The columns of an action space.

    Raises:
        SpaceError: it cannot be recorded.
    """
    return tuple(map(ActionColumn.of, leaves(action_space, "action space")))


def stack_actions(columns: Sequence[ActionColumn], actions: Iterable[Any], rows: int) -> list[Array]:
    """Actions of single lanes as one array per leaf, in the leaf's dtype; each is copied when it comes.

    Args:
        columns: of the action space.
        actions: as they come.
        rows: how many there are.

    Raises:
        SpaceError: an action does not have the structure, the shape, the kind or the range that the action
            space asks for.
    """
    arrays = [np.empty((rows, *column.leaf.shape), column.leaf.dtype) for column in columns]
    pairs = list(zip(columns, arrays, strict=True))
    for row, action in enumerate(actions):
        for column, array in pairs:
            array[row] = checked_action(column, action, column.leaf.shape)
    return arrays


def checked_action(column: ActionColumn, whole: Any, shape: tuple[int, ...]) -> Any:
    """A leaf's part of an action, in its dtype; a single number may come as an array of one element."""
    leaf, low, high = column.leaf, column.low, column.high
    if not shape and type(whole) is int and not leaf.path and low is not None and low <= whole <= high:
        return whole
    action = _part(leaf, whole)
    if action.shape != shape and action.size == 1 and int(np.prod(shape)) == 1:
        action = action.reshape(shape)
    if action.shape != shape or action.dtype.kind not in ("biuf" if leaf.dtype.kind == "f" else "biu"):
        raise SpaceError(
            "the expert's action does not fit the action space",
            expected=f"{leaf.dtype}{list(shape)}",
            got=f"{action.dtype}{list(action.shape)}",
        )
    if action.dtype == leaf.dtype and leaf.dtype.kind == "f":
        return action
    if leaf.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is infinite then is refused as not finite
            return action.astype(leaf.dtype)
    outside = (action < low) | (action > high)
    if outside.any():
        place = tuple(np.argwhere(outside)[0])
        least, greatest = (np.broadcast_to(bound, action.shape)[place] for bound in (low, high))
        raise SpaceError(
            "the expert chose an action that the environment does not have",
            expected=f"{least} to {greatest}",
            got=str(action[place]),
            remedy=starts_elsewhere(leaf),
        )
    return action.astype(leaf.dtype, copy=False)


def _part(leaf: Leaf, action: Any) -> Array:
    try:
        return np.asarray(leaf.pick(action))
    except (LookupError, TypeError, ValueError) as error:
        raise SpaceError(
            "the expert's action does not have the structure of the action space"
            + (f": there is no part {leaf.name!r}" if leaf.path else ""),
            got=type(action).__name__,
        ) from error
