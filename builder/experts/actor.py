"""What chooses the actions in a rollout.

An `Actor` serves one worker and all its lanes. A `Player` is the picklable recipe from which each worker
makes its own actor; it crosses to worker processes, the actor never does.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.seeding import ACTION_SPACE, stream_seed
from builder.episodes.spaces import Array, Leaf, assemble, leaves
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

    def act(self, observations: Sequence[Array], lanes: Sequence[int]) -> Sequence[Array]:
        """Choose one action per row.

        Args:
            observations: per leaf of the observation space, an array [rows, *leaf shape] in the leaf's dtype.
                Valid during this call only.
            lanes: the lane of each row.

        Returns:
            Per leaf of the action space, an array [rows, *leaf shape] in the leaf's dtype.
        """


class Player(Protocol):
    """A picklable recipe for actors."""

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        """A new actor for one worker.

        Raises:
            SpaceError: the expert does not fit these spaces.
        """


@dataclass(frozen=True)
class RandomPlayer:
    """Samples the action space, each attempt from its own seed."""

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        return _RandomActor(action_space)


class _RandomActor:
    def __init__(self, action_space: gym.Space[Any]) -> None:
        self._space = action_space
        self._leaves = leaves(action_space, "action space")
        self._lanes: dict[int, gym.Space[Any]] = {}

    def begin(self, lane: int, context: Context) -> None:
        if lane not in self._lanes:
            self._lanes[lane] = copy.deepcopy(self._space)
        self._lanes[lane].seed(stream_seed(context.root_seed, context.index, ACTION_SPACE))

    def memory(self, lane: int) -> Any:
        return copy.deepcopy(self._lanes[lane])

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        self._lanes[lane] = copy.deepcopy(memory)

    def act(self, observations: Sequence[Array], lanes: Sequence[int]) -> Sequence[Array]:
        return stack_actions(self._leaves, [self._lanes[lane].sample() for lane in lanes])


class Predictor(Protocol):
    """Anything with Stable-Baselines3's `predict` can be an expert."""

    def predict(self, obs: Any, state: Any = None, deterministic: bool = True) -> tuple[Any, Any]:
        """The action for one observation (or a batch) and the policy's next hidden state."""


class PredictActor:
    """Asks a foreign policy, one observation at a time unless it is `batched`.

    Args:
        policy: the foreign policy; it is called with keywords, of which `obs` may be called `observation`.
        observation_space: what the environment gives.
        action_space: what the environment takes.
        batched: the policy takes observations [rows, ...] and returns actions [rows, ...]; it keeps no state.
        deterministic: passed on to the policy.
    """

    def __init__(
        self,
        policy: Predictor,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
        *,
        batched: bool = False,
        deterministic: bool = True,
    ) -> None:
        if not callable(getattr(policy, "predict", None)):
            raise ExpertError(
                f"the expert {type(policy).__name__} has no predict method",
                expected="predict(obs, state=None, deterministic=True) -> (action, state)",
            )
        self._policy = policy
        self._observation_keyword = observation_keyword(policy)
        self._observation_space = observation_space
        self._action_leaves = leaves(action_space, "action space")
        self._batched = batched
        self._deterministic = deterministic
        self._states: dict[int, Any] = {}

    def begin(self, lane: int, context: Context) -> None:
        self._states.pop(lane, None)

    def memory(self, lane: int) -> Any:
        return self._states.get(lane)

    def resume(self, lane: int, context: Context, memory: Any) -> None:
        self._states[lane] = memory

    def act(self, observations: Sequence[Array], lanes: Sequence[int]) -> Sequence[Array]:
        if self._batched:
            return self._act_batch(observations, len(lanes))
        actions = []
        for row, lane in enumerate(lanes):
            # A copy: the policy may keep what it is given, the recorder's buffer is used again.
            values = [np.array(leaf[row]) for leaf in observations]
            actions.append(self._ask(assemble(self._observation_space, values), lane))
        return stack_actions(self._action_leaves, actions)

    def _ask(self, observation: Any, lane: int) -> Any:
        action, self._states[lane] = self._call(observation, self._states.get(lane))
        return action

    def _call(self, observation: Any, state: Any) -> tuple[Any, Any]:
        keywords: dict[str, Any] = {self._observation_keyword: observation, "state": state}
        answer = self._policy.predict(**keywords, deterministic=self._deterministic)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise ExpertError(
                f"predict of {type(self._policy).__name__} returned {type(answer).__name__}",
                expected="a pair (action, state)",
            )
        return answer

    def _act_batch(self, observations: Sequence[Array], rows: int) -> Sequence[Array]:
        batch = assemble(self._observation_space, [leaf.copy() for leaf in observations])
        actions, _ = self._call(batch, None)
        return [_checked(leaf, actions, (rows, *leaf.shape)) for leaf in self._action_leaves]


def observation_keyword(policy: Predictor) -> str:
    """What `predict` calls it: `obs`; or `observation`, as the models of Stable-Baselines3 do."""
    try:
        known = inspect.signature(policy.predict).parameters
    except (TypeError, ValueError):  # a method that does not tell
        return "obs"
    return "observation" if "observation" in known and "obs" not in known else "obs"


def stack_actions(action_leaves: Sequence[Leaf], actions: Sequence[Any]) -> list[Array]:
    """Actions of single lanes as one array per leaf, in the leaf's dtype.

    Raises:
        SpaceError: an action does not have the structure, the shape, the kind or the range that the action
            space asks for.
    """
    stacked = []
    for leaf in action_leaves:
        column = np.empty((len(actions), *leaf.shape), leaf.dtype)
        for row, action in enumerate(actions):
            column[row] = _checked(leaf, action, leaf.shape)
        stacked.append(column)
    return stacked


def _checked(leaf: Leaf, whole: Any, shape: tuple[int, ...]) -> Array:
    """A leaf's part of an action, in its dtype; a single number may come as an array of one element."""
    action = _part(leaf, whole)
    if action.shape != shape and action.size == 1 and int(np.prod(shape)) == 1:
        action = action.reshape(shape)
    if action.shape != shape or action.dtype.kind not in ("biuf" if leaf.dtype.kind == "f" else "biu"):
        raise SpaceError(
            "the expert's action does not fit the action space",
            expected=f"{leaf.dtype}{list(shape)}",
            got=f"{action.dtype}{list(action.shape)}",
        )
    if leaf.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is infinite then is refused as not finite
            return action.astype(leaf.dtype, copy=False)
    first, last = _range(leaf)
    outside = (action < first) | (action > last)
    if outside.any():
        place = tuple(np.argwhere(outside)[0])
        low, high = (np.broadcast_to(bound, action.shape)[place] for bound in (first, last))
        raise SpaceError(
            "the expert chose an action that the environment does not have",
            expected=f"{low} to {high}",
            got=str(action[place]),
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


def _range(leaf: Leaf) -> tuple[Any, Any]:
    """The least and the greatest value of whole numbers: the space's own, or what their dtype holds."""
    space = leaf.space
    if isinstance(space, gym.spaces.Discrete):
        return int(space.start), int(space.start) + int(space.n) - 1
    if isinstance(space, gym.spaces.MultiDiscrete):
        return space.start, space.start + (space.nvec - 1)
    if isinstance(space, gym.spaces.MultiBinary) or leaf.dtype.kind == "b":
        return 0, 1
    limits = np.iinfo(leaf.dtype)
    return int(limits.min), int(limits.max)
