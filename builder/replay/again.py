"""An attempt's seed and actions, given to an environment again: what it gives, as a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments import answers
from builder.environments.masks import ACTION_MASK, allowed
from builder.environments.pixels import shown
from builder.environments.stepping import action_values, store
from builder.episodes.annotations import Annotator
from builder.episodes.recording import FINAL_PIXELS, PIXELS, Recording, episode_returns
from builder.episodes.spaces import Array, leaves
from builder.replay.notes import Notes

Answer = tuple[Any, Any, Any, Any, Mapping[str, Any]]


def play_again(
    environment: gym.Env[Any, Any],
    recorded: Recording,
    limit: int | None,
    annotators: Sequence[Annotator] = (),
) -> Recording:
    """What an environment gives for a recorded attempt's seed and actions, up to its end.

    Args:
        environment: fresh, or known to forget its past on `reset`.
        recorded: one attempt.
        limit: the engine truncates at this many steps.
        annotators: what of declared columns an environment gives.
    """
    given = _Given(environment, recorded, annotators)
    step, ends = environment.step, (False, False)
    for action in action_values(environment.action_space, recorded.actions):
        given.before()
        ends = given.after(step(action))
        if any(ends):
            break
    return given.recording(recorded, ends, limit)


class _Given:
    """What an environment has given so far, written down at once: it may write into its arrays again."""

    def __init__(
        self, environment: gym.Env[Any, Any], recorded: Recording, annotators: Sequence[Annotator]
    ) -> None:
        rows = len(recorded.rewards)
        self._environment = environment
        self._leaves = leaves(environment.observation_space)
        self._observations = [np.empty((rows + 1, *leaf.shape), leaf.dtype) for leaf in self._leaves]
        self._rewards: list[float] = []
        self._asked, self._drawn = ACTION_MASK in recorded.extras, environment.has_wrapper_attr("shown")
        self._masks: list[Array] = []
        self._pictures: list[Array] = []
        self._notes = Notes(annotators, rows)
        observation, info = answers.begun(environment, int(recorded.seeds[0]))
        self._notes.begun(environment, info)
        self._keep(0, observation)

    def before(self) -> None:
        """What there is to see before a step."""
        self._masks.extend(allowed(self._environment) if self._asked else ())
        self._pictures.extend([shown(self._environment)] if self._drawn else ())
        self._notes.before(self._environment)

    def after(self, answer: Answer) -> tuple[bool, bool]:
        """What a step has given; whether the attempt was terminated, and truncated."""
        observation, reward, terminated, truncated, info = answer
        self._notes.after(info)
        self._rewards.append(answers.reward_value(reward))
        self._keep(len(self._rewards), observation)
        return answers.ended(terminated, truncated)

    def _keep(self, row: int, observation: Any) -> None:
        for leaf, column in zip(self._leaves, self._observations, strict=True):
            store(leaf, column[row : row + 1], [leaf.pick(observation)])

    def recording(self, recorded: Recording, ends: tuple[bool, bool], limit: int | None) -> Recording:
        """All of it."""
        steps, rewards = len(self._rewards), np.array(self._rewards, np.float64)
        return Recording(
            attempts=recorded.attempts,
            seeds=recorded.seeds,
            lengths=np.array([steps]),
            returns=episode_returns(rewards, np.array([steps])),
            terminated=np.array([ends[0]], bool),
            truncated=np.array([ends[1] or steps == limit], bool),
            observations=tuple(column[:steps] for column in self._observations),
            actions=tuple(column[:steps] for column in recorded.actions),
            rewards=rewards,
            finals=tuple(column[steps : steps + 1] for column in self._observations),
            extras={
                **({ACTION_MASK: np.stack(self._masks)} if self._masks else {}),
                **({PIXELS: np.stack(self._pictures)} if self._drawn else {}),
                **self._notes.of_steps(steps),
            },
            attempt_extras={
                **({FINAL_PIXELS: shown(self._environment)[None]} if self._drawn else {}),
                **self._notes.of_attempt(self._environment),
            },
        )
