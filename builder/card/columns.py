"""The card's tables of columns: dtype, shape, bounds and, where they are known, names and units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import yaml

from builder.card.markdown import code, number, table
from builder.episodes.spaces import Leaf, is_image, leaves

ENVIRONMENTS = Path(__file__).with_name("environments.yaml")
MAX_VALUES = 8
"""Sizes of at most so many discrete components are listed one by one."""

TRANSITIONS = {
    "episode_index": ("int64", "the episode: 0, 1, ... over all splits"),
    "step_index": ("int64", "the step within the episode, from 0"),
    "observation": (None, "what the action was chosen on"),
    "action": (None, "what was done"),
    "reward": ("float64", "what the environment gave for it"),
    "next_observation": (None, "what the action led to, also on an episode's last step"),
    "terminated": ("bool", "the environment ended the episode with this step"),
    "truncated": ("bool", "a limit cut the episode off after this step"),
}
EPISODES = {
    "episode_index": ("int64", "the episode: 0, 1, ... over all splits"),
    "attempt_index": ("int64", "which attempt it was, rejected ones counted"),
    "seed": ("int64", "what `env.reset(seed=...)` was given"),
    "policy": ("string", "who played"),
    "length": ("int64", "steps"),
    "episode_return": ("float64", "the rewards, summed in order"),
    "terminated": ("bool", "the environment ended it"),
    "truncated": ("bool", "a limit cut it off"),
    "final_observation": (None, "what the last action led to"),
    "row_start": ("int64", "its first row in the split's transitions"),
    "row_end": ("int64", "one past its last row there"),
}


def transitions_table(
    observation_space: gym.Space[Any], action_space: gym.Space[Any], *, next_observation: bool
) -> str:
    """The columns of the config "transitions"."""
    spaces = {"observation": observation_space, "action": action_space, "next_observation": observation_space}
    names = [name for name in TRANSITIONS if next_observation or name != "next_observation"]
    return _table([(name, *TRANSITIONS[name], spaces.get(name)) for name in names])


def episodes_table(observation_space: gym.Space[Any]) -> str:
    """The columns of the config "episodes"."""
    spaces = {"final_observation": observation_space}
    return _table([(name, *EPISODES[name], spaces.get(name)) for name in EPISODES])


def _table(columns: Sequence[tuple[str, str | None, str, gym.Space[Any] | None]]) -> str:
    rows: list[tuple[str, ...]] = []
    for name, dtype, meaning, space in columns:
        if space is None:
            rows.append((code(name), str(dtype), "", "", meaning))
        else:
            rows.extend(_leaf_rows(name, meaning, space))
    return table(("column", "dtype", "shape", "values", "meaning"), rows)


def _leaf_rows(name: str, meaning: str, space: gym.Space[Any]) -> Iterator[tuple[str, ...]]:
    for leaf in leaves(space):
        column = f"{name}.{leaf.name}" if leaf.path else name
        shape = " × ".join(map(str, leaf.shape))
        dtype = f"{leaf.dtype}, PNG" if is_image(leaf) else str(leaf.dtype)
        yield code(column), dtype, shape, bounds(leaf), meaning


def bounds(leaf: Leaf) -> str:
    """The values that a leaf of a space allows."""
    space = leaf.space
    if isinstance(space, gym.spaces.Discrete):
        return _whole(int(space.start), int(space.n))
    if isinstance(space, gym.spaces.MultiBinary):
        return "0 or 1"
    if isinstance(space, gym.spaces.MultiDiscrete):
        return _ranges(space)
    return _box(space) if isinstance(space, gym.spaces.Box) else ""


def _ranges(space: gym.spaces.MultiDiscrete) -> str:
    pairs = [(int(start), int(n)) for start, n in zip(space.start.flat, space.nvec.flat, strict=True)]
    if len(set(pairs)) == 1:
        return _whole(*pairs[0])
    if len(pairs) > MAX_VALUES:
        return "differ by component"
    return "; ".join(_whole(*pair) for pair in pairs)


def _box(space: gym.spaces.Box) -> str:
    low, high = space.low, space.high
    if (low == low.flat[0]).all() and (high == high.flat[0]).all():
        return _interval(low.flat[0], high.flat[0])
    if np.isfinite(low).all() and np.isfinite(high).all():
        return f"{_interval(low.min(), high.max())}, by component"
    return "differ by component"


def _whole(start: int, count: int) -> str:
    values = range(start, start + count)
    return ", ".join(map(str, values)) if count <= 4 else f"{values[0]} to {values[-1]}"


def _interval(low: Any, high: Any) -> str:
    if low == -np.inf and high == np.inf:
        return "unbounded"
    return f"{_bound(low)} to {_bound(high)}"


def _bound(value: Any) -> str:
    """A bound to four digits, without the zeros that a float32 would end in."""
    bound = float(value)
    return f"{bound:.4g}" if np.isfinite(bound) and bound != int(bound) else number(bound)


def components(env_id: str, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> list[str]:
    """Tables of the components of the observations and actions of a known environment."""
    known = _environments().get(env_id, {})
    tables = []
    for name, space in (("observation", observation_space), ("action", action_space)):
        entries = known.get(name, [])
        if isinstance(space, gym.spaces.Box) and space.shape == (len(entries),):
            tables.append(_component_table(name, space, entries))
        if isinstance(space, gym.spaces.Discrete) and space.n == len(entries):
            rows = [(str(int(space.start) + index), meaning) for index, meaning in enumerate(entries)]
            tables.append(table((code(name), "meaning"), rows))
    return tables


def _component_table(name: str, space: gym.spaces.Box, entries: Sequence[Sequence[str]]) -> str:
    rows = [
        (str(index), component, unit, _interval(space.low[index], space.high[index]))
        for index, (component, unit) in enumerate(entries)
    ]
    return table((code(name), "component", "unit", "values"), rows)


@cache
def _environments() -> dict[str, Any]:
    known: dict[str, Any] = yaml.safe_load(ENVIRONMENTS.read_text(encoding="utf-8"))
    return known
