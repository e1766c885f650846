"""Environments of gymnasium that are stepped one after the other, an object for each lane."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from builder.environments import answers
from builder.environments.lanes import RAISED, Begun, RowError, SharedBufferError, Stepped
from builder.environments.stepping import action_values, store
from builder.episodes.spaces import Array, Leaf, assemble, leaves
from builder.errors import BuilderError, SpaceError

Step = Callable[[Any], tuple[Any, Any, bool, bool, dict[str, Any]]]


class Source(Protocol):
    """Where environments come from: `builder.environments.pool`."""

    def take(self) -> gym.Env[Any, Any]:
        """One to play an attempt on."""

    def give_back(self, environment: gym.Env[Any, Any]) -> None:
        """The attempt is over."""


class LaneByLane:
    """Every lane has an environment of its own, taken for each attempt.

    Args:
        source: where they come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        environment = source.take()
        self.observation_space, self.action_space = environment.observation_space, environment.action_space
        source.give_back(environment)
        self._playing: dict[int, gym.Env[Any, Any]] = {}
        self._steps: list[Step] = []
        self._given: list[Any] = []
        self._copies = False

    @cached_property
    def _leaves(self) -> tuple[Leaf, ...]:
        return leaves(self.observation_space, "observation space")

    @cached_property
    def _blank(self) -> Any:
        """What stands for the observation of a lane that has failed."""
        return assemble(self.observation_space, [np.zeros(leaf.shape, leaf.dtype) for leaf in self._leaves])

    def ready(self, lane: int) -> None:
        self._playing[lane] = self._source.take()

    def begin(self, seeds: Mapping[int, int]) -> Mapping[int, Begun]:
        return {lane: self._begun(self._playing[lane], seed) for lane, seed in seeds.items()}

    def _begun(self, environment: gym.Env[Any, Any], seed: int) -> Begun:
        try:
            observation, info = answers.begun(environment, seed)
            return Begun(answers.parts_of(self._leaves, observation), info)
        except RAISED as error:
            return Begun(error=error)

    def arrange(self, lanes: Sequence[int]) -> None:
        self._steps = [self._playing[lane].step for lane in lanes]

    def step(self, actions: Sequence[Array]) -> Stepped:
        values = action_values(self.action_space, actions)
        observations, rewards, infos, ended = [], [], [], []
        failed: dict[int, BaseException] = {}
        keep = answers.copied if self._copies else None
        for row, (step, action) in enumerate(zip(self._steps, values, strict=True)):
            try:
                observation, reward, terminated, truncated, info = step(action)
                if terminated or truncated:
                    ended.append((row, *answers.ended(terminated, truncated)))
            except RAISED as error:
                ours = error.__traceback__ is not None and error.__traceback__.tb_next is None
                failed[row] = answers.not_five(error) if ours and isinstance(error, Exception) else error
                observation, reward, info = self._blank, 0.0, {}
                ended.append((row, False, False))
            observations.append(keep(observation) if keep else observation)
            rewards.append(reward)
            infos.append(info)
        self._given = observations
        return Stepped(_numbers(rewards), ended, infos, failed)

    def observe(self, columns: Sequence[Array]) -> None:
        given, self._given = self._given, []
        try:
            for leaf, column in zip(self._leaves, columns, strict=True):
                values = [leaf.pick(item) for item in given] if leaf.path else given
                if not (self._copies or len(given) == 1 or answers.separate(values)):
                    raise SharedBufferError
                store(leaf, column, values)
        except (SpaceError, LookupError, TypeError):
            for row, observation in enumerate(given):
                try:
                    answers.parts_of(self._leaves, observation)
                except SpaceError as error:
                    raise RowError(row, error) from error
            raise

    def copy(self) -> None:
        self._copies = True

    def environment(self, lane: int) -> gym.Env[Any, Any]:
        return self._playing[lane]

    def end(self, lane: int) -> None:
        self._source.give_back(self._playing.pop(lane))

    def discard(self, lane: int) -> None:
        if (environment := self._playing.pop(lane, None)) is not None:
            with suppress(Exception):
                environment.close()

    def close(self) -> None:
        """What waits is kept by where it came from."""


def _numbers(rewards: list[Any]) -> list[Any]:
    """The rewards of a step, each one number."""
    if answers.PLAIN_REWARDS.issuperset(map(type, rewards)):
        return rewards
    found = []
    for row, reward in enumerate(rewards):
        try:
            found.append(answers.reward_value(reward))
        except BuilderError as error:
            raise RowError(row, error) from error
    return found
