"""Goals of hindsight: what an episode achieved later becomes what it was to achieve.

The strategy "future" of Hindsight Experience Replay (Andrychowicz et al., 2017,
https://arxiv.org/abs/1707.01495). Rewards and terminations are the environment's own for the new goals; that
it gives the recorded ones for the recorded goals is checked first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Spaces, describe
from builder.errors import ConfigError, EnvironmentError_
from builder.loading.batches import Columns
from builder.loading.blocks import Block

ACHIEVED, DESIRED = "achieved_goal", "desired_goal"
RELABELLED = "relabelled"
TRIED = 64
"""So many steps show whether a function takes many at a time."""


def check_goals(spaces: Spaces, *, whole: bool) -> None:
    """Refuse what has no goals.

    Args:
        spaces: what was observed, and what was done.
        whole: whether episodes are whole, single observations in their order.

    Raises:
        ConfigError: it does not.
    """
    found = spaces.observation.spaces if isinstance(spaces.observation, gym.spaces.Dict) else {}
    if not {ACHIEVED, DESIRED} <= found.keys() or describe(found[ACHIEVED])["type"] != "Box":
        raise ConfigError(
            "hindsight takes goals",
            expected=f"a Dict observation with {ACHIEVED} and {DESIRED}, boxes of one shape",
            got=f"{spaces.observation}"[:200],
        )
    alike = (found[ACHIEVED].shape, found[ACHIEVED].dtype) == (found[DESIRED].shape, found[DESIRED].dtype)
    if not alike:
        raise ConfigError(
            "achieved and desired goals are of different kinds", got=f"{spaces.observation}"[:200]
        )
    if not whole:
        raise ConfigError(
            "hindsight takes whole episodes with final observations",
            remedy="take it without every= and stacked()",
        )


def with_hindsight(
    columns: Columns, block: Block, environment: gym.Env[Any, Any], *, share: float, seed: int
) -> Columns:
    """The steps of some episodes with new goals.

    Args:
        columns: of the steps, `next_observation` among them.
        block: the same episodes.
        environment: with `compute_reward(achieved, desired, info)`; with `compute_terminated` where an
            achieved goal ends an episode.
        share: of the steps that get a new goal.
        seed: of the draws.

    Raises:
        ConfigError: it is no share.
        EnvironmentError_: the environment has no such function, or gives other rewards or terminations for
            the recorded goals than were recorded.
    """
    if isinstance(share, bool) or not 0 <= share <= 1:
        raise ConfigError("a share of the steps", expected="a number in [0, 1]", got=share)
    random, rows = np.random.default_rng([seed, 2]), np.arange(block.rows)
    chosen = np.flatnonzero(random.random(block.rows) < share)
    later = random.integers(0, block.left)[chosen]
    achieved = columns[f"next_observation.{ACHIEVED}"]
    future = block.following(rows[chosen], later + 1)[f"next_observation.{ACHIEVED}"]
    changed = {name: columns[name].copy() for name in _CHANGED if name in columns}
    for name in (f"observation.{DESIRED}", f"next_observation.{DESIRED}"):
        changed[name][chosen] = future
    for name, function in (("reward", "compute_reward"), ("terminated", "compute_terminated")):
        if compute := _function(environment, function, needed=name == "reward"):
            _check_recorded(compute(achieved, columns[f"next_observation.{DESIRED}"]), columns[name], name)
            changed[name][chosen] = compute(achieved[chosen], future)
    marks = np.zeros(block.rows, bool)
    marks[chosen] = True
    return {**columns, **changed, RELABELLED: marks}


_CHANGED = (f"observation.{DESIRED}", f"next_observation.{DESIRED}", "reward", "terminated")


def _function(
    environment: gym.Env[Any, Any], name: str, *, needed: bool
) -> Callable[[Array, Array], Array] | None:
    """A function of the environment, of many achieved and desired goals at a time."""
    try:
        own = environment.get_wrapper_attr(name)
    except AttributeError as error:
        if needed:
            raise EnvironmentError_(
                f"{environment} has no {name}", remedy="give one that has it: environment="
            ) from error
        return None

    def one_by_one(achieved: Array, desired: Array) -> Array:
        return np.array([own(a, d, {}) for a, d in zip(achieved, desired, strict=True)])

    def computed(achieved: Array, desired: Array) -> Array:
        some = one_by_one(achieved[:TRIED], desired[:TRIED])
        try:
            many = np.asarray(own(achieved[:TRIED], desired[:TRIED], {}))
        except Exception:  # noqa: BLE001  (whatever one raises that is made for single goals)
            many = np.empty(0)
        alike = len(some) > 1 and many.shape == some.shape and np.array_equal(many, some)
        return np.asarray(own(achieved, desired, {})) if alike else one_by_one(achieved, desired)

    return computed


def _check_recorded(found: Array, recorded: Array, name: str) -> None:
    """Refuse functions that do not give what was recorded: for other goals they would be as wrong."""
    different = np.flatnonzero(found.astype(recorded.dtype) != recorded)
    if len(different):
        row = int(different[0])
        raise EnvironmentError_(
            f"compute_{name} does not give what was recorded in row {row}",
            expected=f"{name} {recorded[row]}",
            got=found[row],
            remedy="give the environment of the recording, with its kwargs: environment=",
        )
