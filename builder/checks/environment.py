"""What is found about an environment, by the expert's own episodes and by random ones."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from builder.checks.finding import Finding, finding
from builder.checks.watched import Watched, watch, watched_findings
from builder.environments.behaviour import (
    NOTHING_PLAYED,
    Act,
    Behaviour,
    Chooser,
    Script,
    behaviour,
    known,
    random_actions,
    record,
    rehearse,
)
from builder.environments.environment import EnvironmentSpec
from builder.environments.stepping import action_values, store_checked
from builder.episodes import global_generators
from builder.episodes.context import Context
from builder.episodes.spaces import Array, Spaces, leaves
from builder.experts.actor import Actor
from builder.rollout.rules import ActionRule

EXPERT_EPISODES = 2
"""An expert reaches what random actions do not: success, after which some environments go on otherwise."""
SEEDS = 6
"""Where so many seeds give the same, all do."""
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
        rule = ActionRule(action_space, clip=True)

        def act(observation: Any, *mask: Array) -> Any:
            for leaf, row in zip(found, rows, strict=True):
                store_checked(leaf, row, [leaf.pick(observation)])
            chosen = actor.act(rows, [0], *(part[None] for part in mask))
            return action_values(action_space, rule.apply(chosen))[0]

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
    if found.outlives:
        text = f"what {env_id} remembers outlives its instances: a later one gives something else"
        yield finding("outlives-instance", f"{text} at {found.unlike}")
        return
    if found.unlike:
        drawn = f", and it draws from {generators}" if generators else ""
        yield finding("ignores-seed", f"{env_id} gives something else at {found.unlike}{drawn}")
        return
    if found.remembers and found.remembers != NOTHING_PLAYED:
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


def environment_findings(  # noqa: PLR0913  (all but the first three have a keyword)
    spec: EnvironmentSpec,
    expert: Chooser,
    spaces: Spaces,
    *,
    root_seed: int = 0,
    others: bool = True,
    infinite: bool = False,
) -> tuple[list[Finding], Watched]:
    """All that a check finds of an environment, and what was seen on the way.

    Args:
        spec: the environment.
        expert: who plays it, beside random actions.
        spaces: its observation and its action space.
        root_seed: of the attempts.
        others: whether a second instance may be made.
        infinite: infinite observations and rewards may be.

    Raises:
        EnvironmentError_: an instance cannot be made.
    """
    with global_generators.restored():
        watched = Watched()
        sampled = random_actions(spaces.action)
        for chooser in (expert, sampled):
            watch(spec, chooser, Context(0, root_seed), watched)
        found = list(watched_findings(spec.id, watched, infinite=infinite))
        if any(item.severity == "error" for item in found):
            return found, watched
        played = scripts(
            spec, sampled if watched.expert_raised else expert, spaces.action, root_seed=root_seed
        )
        behaves = _with_what_is_known(behaviour(spec, played, others=others), known(spec))
        found.extend(behaviour_findings(spec.id, behaves))
        if not behaves.unlike and _deaf(spec, played[-1], root_seed):
            text = f"{spec.id} gives the same for {SEEDS} seeds: a dataset would hold copies"
            found.append(finding("ignores-seed", text, severity="note"))
    return found, watched


def _with_what_is_known(found: Behaviour, by_its_code: Behaviour | None) -> Behaviour:
    """Of an environment whose code is known, what that says of its past goes before what was seen."""
    if by_its_code is None or found.unlike:
        return found
    seen = found.remembers or by_its_code.remembers
    return dataclasses.replace(found, remembers=seen if by_its_code.remembers else "")


def _deaf(spec: EnvironmentSpec, script: Script, root_seed: int) -> bool:
    """Whether an attempt's actions lead to the same with the seeds of other attempts."""
    others = (Context(index, root_seed).seed for index in range(EXPERT_EPISODES, EXPERT_EPISODES + SEEDS - 1))
    return all(rehearse(spec, seed, script.actions).trace == script.trace for seed in others)


def speed_finding(what: str, watched: Watched, seconds: float) -> Finding:
    """What a process may reach.

    Args:
        what: the environment, and who plays it.
        watched: what was seen of it.
        seconds: what an action takes, in a batch as a build asks for it.
    """
    step = watched.seconds / watched.steps
    each = f"environment {1e6 * step:,.0f} µs, expert {1e6 * seconds:,.0f} µs a step"
    return finding("speed", f"{what}: about {1 / (step + seconds):,.0f} steps/s ({each})")
