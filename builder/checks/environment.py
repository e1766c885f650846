"""What is found about an environment, by the expert's own episodes and by random ones."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from builder.checks.finding import Finding, finding
from builder.environments.behaviour import (
    Act,
    Behaviour,
    Chooser,
    Script,
    random_actions,
    record,
)
from builder.environments.environment import EnvironmentSpec
from builder.environments.stepping import action_values, store_checked
from builder.episodes.context import Context
from builder.episodes.spaces import leaves
from builder.experts.actor import Actor

EXPERT_EPISODES = 2
"""An expert reaches what random actions do not: success, after which some environments go on otherwise."""
RANDOM_EPISODES = 4
RANDOM_STEPS = 200
RANDOM_SECONDS = 1.0
"""No further random episode is begun after this time."""


def actions_of(actor: Actor, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Chooser:
    """What an actor chooses on a lane of its own."""
    found = leaves(observation_space, "observation space")

    def begin(context: Context) -> Act:
        actor.begin(0, context)
        rows = [np.empty((1, *leaf.shape), leaf.dtype) for leaf in found]

        def act(observation: Any) -> Any:
            for leaf, row in zip(found, rows, strict=True):
                store_checked(leaf, row, [leaf.pick(observation)])
            return action_values(action_space, actor.act(rows, [0]))[0]

        return act

    return begin


def scripts(
    spec: EnvironmentSpec, expert: Chooser, action_space: gym.Space[Any], *, root_seed: int
) -> list[Script]:
    """Episodes to measure an environment with: random ones, then the expert's first attempts.

    Raises:
        EnvironmentError_: an instance cannot be made.
    """
    deadline, sampled = time.monotonic() + RANDOM_SECONDS, random_actions(action_space)
    attempts = [Context(index, root_seed) for index in range(max(RANDOM_EPISODES, EXPERT_EPISODES))]
    in_time = itertools.takewhile(lambda _: time.monotonic() < deadline, attempts[:RANDOM_EPISODES])
    random = [record(spec, sampled, attempt, steps=RANDOM_STEPS) for attempt in in_time]
    return random + [record(spec, expert, attempt) for attempt in attempts[:EXPERT_EPISODES]]


def behaviour_findings(env_id: str, found: Behaviour) -> Iterator[Finding]:
    """What a behaviour means for a build."""
    generators = " and ".join(found.global_generators)
    if found.unlike:
        drawn = f", and it draws from {generators}" if generators else ""
        yield finding("ignores-seed", f"{env_id} gives something else at {found.unlike}{drawn}")
        return
    if found.remembers:
        yield finding(
            "remembers-past", f"a used instance of {env_id} gives something else: {found.remembers}"
        )
    if generators:
        yield finding("global-random", f"{env_id} draws from the generators of {generators}")
    if found.only_one:
        yield finding("single-instance", f"a second instance of {env_id} cannot be made: {found.only_one}")
    if found.disturbed:
        text = f"{env_id} gives something else at {found.disturbed} while another instance plays"
        yield finding("shared-simulator", text)
