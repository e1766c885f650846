"""The lockstep engine: one worker, many lanes, one policy call a step.

Every lane is an environment that plays one attempt after another. A tick writes each lane's observation
into one row of a flat log, asks the actor once for all rows, and steps every environment. Rows know their
attempt, so one stable sort at the end puts each attempt's steps together; nothing is kept per step in Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.pool import EnvironmentPool
from builder.environments.stepping import action_values, store, store_checked
from builder.episodes.context import Context
from builder.episodes.recording import Recording, episode_returns
from builder.episodes.spaces import Array, Leaf, leaves
from builder.errors import BuilderError, EnvironmentError_, ExpertError, RolloutError
from builder.experts.actor import Actor

Step = Callable[[Any], tuple[Any, Any, bool, bool, dict[str, Any]]]
FIRST_ROWS = 4096


class Interrupted(BaseException):
    """The build was asked to stop while a chunk was being played."""


@dataclass
class _Lane:
    """One environment and the attempt that it plays."""

    number: int
    environment: gym.Env[Any, Any]
    attempt: int
    deadline: int


@dataclass
class _Outcome:
    """What is known of an attempt once it has ended."""

    seed: int = 0
    terminated: bool = False
    truncated: bool = False
    final: tuple[Any, ...] = field(default_factory=tuple)


class _Log:
    """Rows of all lanes in the order of play, in arrays that double when they are full."""

    def __init__(self, observations: Sequence[Leaf], actions: Sequence[Leaf]) -> None:
        self.rows = 0
        self.observations = [np.empty((FIRST_ROWS, *leaf.shape), leaf.dtype) for leaf in observations]
        self.actions = [np.empty((FIRST_ROWS, *leaf.shape), leaf.dtype) for leaf in actions]
        self.rewards = np.empty(FIRST_ROWS, np.float64)
        self.attempts = np.empty(FIRST_ROWS, np.int64)

    def reserve(self, rows: int) -> None:
        """Make room for this many rows beyond those that are played."""
        capacity = len(self.rewards)
        if self.rows + rows <= capacity:
            return
        size = max(2 * capacity, self.rows + rows)
        self.observations = [_grown(array, size) for array in self.observations]
        self.actions = [_grown(array, size) for array in self.actions]
        self.rewards, self.attempts = _grown(self.rewards, size), _grown(self.attempts, size)


def _grown(array: Array, size: int) -> Array:
    larger = np.empty((size, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


class Lockstep:
    """Plays attempts, `lanes` at a time.

    Args:
        pool: where environments come from.
        actor: what chooses the actions.
        root_seed: the build's seed.
        lanes: how many environments are stepped in lockstep.
        cancelled: asked once a tick; true stops the play with `Interrupted`.
    """

    def __init__(
        self,
        pool: EnvironmentPool,
        actor: Actor,
        *,
        root_seed: int,
        lanes: int,
        cancelled: Callable[[], bool] = bool,
    ) -> None:
        self._pool, self._actor = pool, actor
        self._root_seed, self._most_lanes = root_seed, lanes
        self._cancelled = cancelled
        self._limit = pool.spec.max_episode_steps or 0

    def play(self, attempts: range) -> Recording:
        """Play these attempts, each to its end.

        Raises:
            RolloutError: the environment or the expert raised; the cause is chained.
            BuilderError: an action or an observation that does not fit its space, or is not a number.
            Interrupted: `cancelled` said so.
        """
        environment = self._pool.take()
        self._observation_leaves = leaves(environment.observation_space, "observation space")
        self._action_leaves = leaves(environment.action_space, "action space")
        self._action_space = environment.action_space
        self._pool.give_back(environment)
        # Attempts of equal length end together: as many lanes as are equally busy to the end.
        self._width = math.ceil(len(attempts) / math.ceil(len(attempts) / self._most_lanes))
        self._log = _Log(self._observation_leaves, self._action_leaves)
        self._outcomes = {attempt: _Outcome() for attempt in attempts}
        self._waiting = iter(attempts)
        self._lanes: list[_Lane] = []
        self._tick = 0
        try:
            self._fill()
            while self._lanes:
                self._step()
        except BuilderError:
            raise
        except Exception as error:
            playing = sorted(lane.attempt for lane in self._lanes)
            raise RolloutError(
                f"playing attempts {playing[:4]} failed: {type(error).__name__}: {error}",
                remedy="the environment or the expert raised this; debug=true shows the traceback",
            ) from error
        finally:
            for lane in self._lanes:
                lane.environment.close()
        return self._recording(attempts)

    def _fill(self) -> None:
        """Start the first attempt of every lane."""
        self._log.reserve(self._width)
        for number, attempt in zip(range(self._width), self._waiting, strict=False):
            lane = _Lane(number, self._pool.take(), attempt, 0)
            self._lanes.append(lane)
            self._begin(lane, number)
        self._arrange()

    def _begin(self, lane: _Lane, row: int) -> None:
        """Reset a lane for its attempt and write its first observation into a row of the next tick."""
        context = Context(lane.attempt, self._root_seed)
        self._outcomes[lane.attempt].seed = context.seed
        observation, _ = lane.environment.reset(seed=context.seed)
        self._actor.begin(lane.number, context)
        lane.deadline = self._tick + self._limit
        first = self._log.rows + row
        for leaf, column in zip(self._observation_leaves, self._log.observations, strict=True):
            store_checked(leaf, column[first : first + 1], [leaf.pick(observation)])

    def _arrange(self) -> None:
        """Derive what every tick needs from the lanes; called whenever they change."""
        self._steps: list[Step] = [lane.environment.step for lane in self._lanes]
        self._numbers = [lane.number for lane in self._lanes]
        self._attempts = np.array([lane.attempt for lane in self._lanes], np.int64)
        self._deadline = min((lane.deadline for lane in self._lanes), default=0)

    def _step(self) -> None:
        """One tick: choose all actions, step all environments, end and begin attempts."""
        if self._cancelled():
            raise Interrupted
        log, width = self._log, len(self._lanes)
        log.reserve(2 * width)
        rows = slice(log.rows, log.rows + width)
        actions = self._actor.act([column[rows] for column in log.observations], self._numbers)
        self._record_actions(actions, rows)
        log.attempts[rows] = self._attempts
        observations, rewards, ended = self._step_environments(actions)
        log.rewards[rows] = rewards
        log.rows += width
        self._tick += 1
        self._record_observations(observations, width)
        if self._tick == self._deadline:
            known = {row for row, _, _ in ended}
            ended += [
                (row, False, True)
                for row, lane in enumerate(self._lanes)
                if lane.deadline == self._tick and row not in known
            ]
            ended = [
                (row, terminated, truncated or self._lanes[row].deadline == self._tick)
                for row, terminated, truncated in ended
            ]
        if ended:
            self._end(sorted(ended))

    def _step_environments(
        self, actions: Sequence[Array]
    ) -> tuple[list[Any], list[Any], list[tuple[int, bool, bool]]]:
        values = action_values(self._action_space, actions)
        observations, rewards, ended = [], [], []
        for row, (step, action) in enumerate(zip(self._steps, values, strict=True)):
            observation, reward, terminated, truncated, _ = step(action)
            observations.append(observation)
            rewards.append(reward)
            if terminated or truncated:
                ended.append((row, bool(terminated), bool(truncated)))
        return observations, rewards, ended

    def _record_actions(self, actions: Sequence[Array], rows: slice) -> None:
        for leaf, column, values in zip(self._action_leaves, self._log.actions, actions, strict=True):
            if leaf.dtype.kind == "f" and not np.isfinite(values).all():
                row = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
                raise ExpertError(
                    f"the expert's action in attempt {self._attempts[row]} is not a number",
                    expected="finite values",
                    got=str(values[row]),
                    remedy="its weights, its normalisation statistics or its observations are broken",
                )
            column[rows] = values

    def _record_observations(self, observations: list[Any], width: int) -> None:
        """Write what the environments gave into the rows of the next tick."""
        rows = slice(self._log.rows, self._log.rows + width)
        for leaf, column in zip(self._observation_leaves, self._log.observations, strict=True):
            values = [leaf.pick(item) for item in observations] if leaf.path else observations
            store(leaf, column[rows], values)

    def _end(self, ended: list[tuple[int, bool, bool]]) -> None:
        """Close attempts, start waiting ones on their lanes, and close the ranks of those that stay empty."""
        first, width = self._log.rows, len(self._lanes)
        empty = []
        for row, terminated, truncated in ended:
            lane = self._lanes[row]
            outcome = self._outcomes[lane.attempt]
            outcome.terminated, outcome.truncated = terminated, truncated
            outcome.final = tuple(column[first + row].copy() for column in self._log.observations)
            self._pool.give_back(lane.environment)
            attempt = next(self._waiting, None)
            if attempt is None:
                empty.append(row)
                continue
            lane.environment, lane.attempt = self._pool.take(), attempt
            self._begin(lane, row)
        if empty:
            keep = np.delete(np.arange(width), empty)
            for column in self._log.observations:
                column[first : first + len(keep)] = column[first + keep]
            self._lanes = [self._lanes[row] for row in keep]
        self._arrange()

    def _recording(self, attempts: range) -> Recording:
        log = self._log
        order = np.argsort(log.attempts[: log.rows], kind="stable")
        lengths = np.bincount(log.attempts[: log.rows] - attempts.start, minlength=len(attempts))
        rewards = log.rewards[order]
        outcomes = [self._outcomes[attempt] for attempt in attempts]
        recording = Recording(
            attempts=np.arange(attempts.start, attempts.stop, dtype=np.int64),
            seeds=np.array([outcome.seed for outcome in outcomes], np.int64),
            lengths=lengths.astype(np.int64),
            returns=episode_returns(rewards, lengths),
            terminated=np.array([outcome.terminated for outcome in outcomes], bool),
            truncated=np.array([outcome.truncated for outcome in outcomes], bool),
            observations=tuple(column[order] for column in log.observations),
            actions=tuple(column[order] for column in log.actions),
            rewards=rewards,
            finals=tuple(
                np.stack([outcome.final[i] for outcome in outcomes]) for i in range(len(log.observations))
            ),
        )
        _refuse_nan(recording, self._pool.spec.id)
        return recording


def _refuse_nan(recording: Recording, env_id: str) -> None:
    for what, per_step in (("observation", recording.observations), ("reward", (recording.rewards,))):
        for column in per_step:
            if column.dtype.kind == "f" and np.isnan(column.sum()) and np.isnan(column).any():
                row = int(np.argmax(np.isnan(column).reshape(len(column), -1).any(axis=1)))
                episode = int(np.searchsorted(np.cumsum(recording.lengths), row, side="right"))
                raise EnvironmentError_(
                    f"{env_id} gave a {what} that is not a number in attempt {recording.attempts[episode]},"
                    f" step {row - int(recording.starts[episode])}",
                    remedy="NaN is refused, since nothing could be learned or compared from it",
                )
