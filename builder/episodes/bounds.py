"""What the values of a space are: the least and the greatest of each leaf."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Leaf


def bounds(leaf: Leaf) -> tuple[Any, Any]:
    """The least and the greatest value of a leaf, as numbers or as arrays of its shape."""
    space = leaf.space
    if isinstance(space, gym.spaces.Discrete):
        return int(space.start), int(space.start) + int(space.n) - 1
    if isinstance(space, gym.spaces.MultiDiscrete):
        return space.start, space.start + (space.nvec - 1)
    if isinstance(space, gym.spaces.Box):
        return space.low, space.high
    return 0, 1  # MultiBinary


def finite_bounds(leaf: Leaf) -> tuple[Any, Any]:
    """The same without infinities: what an action may be, which is always finite."""
    low, high = bounds(leaf)
    if leaf.dtype.kind != "f":
        return low, high
    largest = np.finfo(leaf.dtype).max
    return np.maximum(low, -largest), np.minimum(high, largest)


def outside(leaf: Leaf, values: Array) -> Array:
    """Bool [rows]: which values [rows, ...] have a component that is beyond the leaf's bounds, or NaN."""
    low, high = bounds(leaf)
    within = (values >= low) & (values <= high)
    found: Array = ~within.reshape(len(values), -1).all(axis=1)
    return found


def starts_elsewhere(leaf: Leaf) -> str | None:
    """Why the actions of an agent may be others than those of its environment."""
    if not np.any(getattr(leaf.space, "start", 0)):
        return None
    return (
        "Stable-Baselines3 ignores `start` and counts actions from 0: give its agents the environment in a"
        " wrapper whose action space starts at 0"
    )
