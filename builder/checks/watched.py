"""Episodes looked at step by step: does an environment give what it declares, and leave arrays alone?"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from builder.checks.finding import Finding, Severity, finding
from builder.environments import answers
from builder.environments.behaviour import Chooser
from builder.environments.environment import EnvironmentSpec, make
from builder.environments.masks import allowed
from builder.episodes.bounds import bounds
from builder.episodes.context import Context
from builder.episodes.episode import arrays_of
from builder.episodes.spaces import Array, Leaf, leaves
from builder.errors import BuilderError, EnvironmentError_

STEPS = 300
"""So many steps of an episode are looked at."""


@dataclass
class Watched:
    """What was seen of an environment.

    Attributes:
        observations: copies of all.
        raised: what reset or step raised, and when; empty: nothing.
        expert_raised: what choosing an action raised, and when; empty: nothing.
        undeclared: how an observation, a reward or a flag differs from what is declared, and when.
        not_a_number: what was NaN first, and when.
        infinite: what was infinite first, and when.
        outside: values of observations beyond their bounds.
        values: of observations, all.
        keeps: the step at which an earlier observation was seen changed.
        edits: the step at which an action was seen changed.
        seconds: spent in `step`.
        steps: of them.
    """

    observations: list[Any] = field(default_factory=list)
    raised: str = ""
    expert_raised: str = ""
    undeclared: str = ""
    not_a_number: str = ""
    infinite: str = ""
    outside: int = 0
    values: int = 0
    keeps: int | None = None
    edits: int | None = None
    seconds: float = 0.0
    steps: int = 0


def watch(spec: EnvironmentSpec, chooser: Chooser, context: Context, watched: Watched) -> None:
    """Play an attempt with a fresh instance, and note what is seen.

    Raises:
        EnvironmentError_: the instance cannot be made.
    """
    environment = make(spec)
    try:
        _episode(environment, chooser, context, watched)
    finally:
        environment.close()


def _episode(environment: gym.Env[Any, Any], chooser: Chooser, context: Context, watched: Watched) -> None:
    found = leaves(environment.observation_space, "observation space")
    act, watch = chooser(context), ObservationWatch(watched)
    try:
        observation = answers.begin(environment, context.seed)
    except Exception as error:  # noqa: BLE001  (that it raises is what is looked for)
        watched.raised = f"reset with seed {context.seed} raised {type(error).__name__}: {error}"
        return
    for step in range(STEPS):
        if not _look(found, observation, f"step {step}", watched):
            return
        watch.look(observation, step)
        try:
            mask = allowed(environment)
        except Exception as error:  # noqa: BLE001  (as above)
            watched.raised = (
                f"action_masks at step {step} of seed {context.seed} raised {type(error).__name__}: {error}"
            )
            return
        try:
            action = act(observation, *mask)
        except Exception as error:  # noqa: BLE001  (as above)
            watched.expert_raised = f"at step {step} of seed {context.seed}: {type(error).__name__}: {error}"
            return
        given = copy.deepcopy(action)
        try:
            began = time.perf_counter()
            observation, reward, terminated, truncated, _ = environment.step(action)
        except Exception as error:  # noqa: BLE001  (as above)
            watched.raised = f"step {step} of seed {context.seed} raised {type(error).__name__}: {error}"
            return
        watched.seconds, watched.steps = watched.seconds + time.perf_counter() - began, watched.steps + 1
        if watched.edits is None and not _equal(action, given):
            watched.edits = step
        ended = _ended(reward, terminated, truncated, step, watched)
        if ended:
            _look(found, observation, f"step {step + 1}", watched)
            watch.look(observation, step + 1)
            return


class ObservationWatch:
    """The observations so far, and whether an environment writes into one of them again."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._last: tuple[Any, Any] | None = None

    def look(self, observation: Any, step: int) -> None:
        """Compare the observation before with what it was, then keep this one."""
        if self._last and self._watched.keeps is None and not _equal(*self._last):
            self._watched.keeps = step
        copied = copy.deepcopy(observation)
        self._last = (observation, copied)
        self._watched.observations.append(copied)


def _equal(one: Any, other: Any) -> bool:
    pairs = zip(arrays_of(one), arrays_of(other), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def _look(found: tuple[Leaf, ...], observation: Any, when: str, watched: Watched) -> bool:
    """Hold an observation to its space; false where nothing more can be looked at."""
    try:
        answers.parts_of(found, observation)
    except EnvironmentError_ as error:
        watched.undeclared = f"the observation at {when} is {error.got}, declared is {error.expected}"
        return False
    for leaf in found:
        value = np.asarray(leaf.pick(observation))
        watched.values += value.size
        watched.outside += _outside(leaf, value)
        if value.dtype.kind == "f" and np.isnan(value).any():
            watched.not_a_number = watched.not_a_number or f"the observation at {when} is NaN"
        if value.dtype.kind == "f" and np.isinf(value).any():
            watched.infinite = watched.infinite or f"the observation at {when} is infinite"
    return True


def _outside(leaf: Leaf, value: Array) -> int:
    low, high = bounds(leaf)
    return int(((value < low) | (value > high)).sum())


def _ended(reward: Any, terminated: Any, truncated: Any, step: int, watched: Watched) -> bool:
    """Whether the episode is over, or its reward or flags are nothing that could be recorded."""
    try:
        number, ends = answers.reward_value(reward), answers.ended(terminated, truncated)
    except BuilderError as error:
        watched.undeclared = f"{error.what} at step {step}: {error.got}"
        return True
    if np.isnan(number):
        watched.not_a_number = watched.not_a_number or f"the reward at step {step} is NaN"
    if np.isinf(number):
        watched.infinite = watched.infinite or f"the reward at step {step} is infinite"
    return any(ends)


def watched_findings(env_id: str, watched: Watched, *, infinite: bool = False) -> Iterator[Finding]:
    """What was seen, as findings.

    Args:
        env_id: the environment.
        watched: what was seen.
        infinite: infinities may be.
    """
    if watched.raised:
        yield finding("raises", f"{env_id}: {watched.raised}")
    if watched.undeclared:
        yield finding("undeclared-observation", f"{env_id}: {watched.undeclared}")
    if watched.not_a_number:
        yield finding("not-a-number", f"{env_id}: {watched.not_a_number}")
    if watched.infinite:
        severity: Severity = "note" if infinite else "error"
        yield finding("infinite", f"{env_id}: {watched.infinite}", severity=severity)
    if watched.outside:
        share = f"{watched.outside:,} of {watched.values:,} values"
        yield finding("outside-bounds", f"{env_id}: {share} of observations lie beyond their bounds")
    if watched.keeps is not None:
        text = f"{env_id}: the observation before step {watched.keeps} was changed by it"
        yield finding("keeps-observation", text)
    if watched.edits is not None:
        yield finding("edits-action", f"{env_id}: step {watched.edits} changed the action that it was given")
