"""Stacks of observations, rebuilt from the single ones that a dataset holds."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym
import numpy as np

from builder.dataset.trajectories import Trajectories
from builder.episode import Episode
from builder.errors import ConfigError
from builder.spaces import Array, assemble, leaves


def stack(values: Array, steps: Array, frames: int, rows: Array | None = None) -> Array:
    """The last observations of each step, oldest first, as `VecFrameStack` of Stable-Baselines3 has them.

    Args:
        values: one observation per row, [all rows, ...], episode after episode.
        steps: int [all rows]: the step of its episode that each row is.
        frames: how many observations; zeros stand for what was before the episode.
        rows: int [n]: the rows that are wanted; None: all.

    Returns:
        [n, frames, ...] in the dtype of the observations.
    """
    rows = np.arange(len(values)) if rows is None else np.asarray(rows)
    stacked = np.zeros((len(rows), frames, *values.shape[1:]), values.dtype)
    for age in range(frames):
        known = steps[rows] >= age
        stacked[known, frames - 1 - age] = values[rows[known] - age]
    return stacked


class StackedTrajectories(Trajectories):
    """A split whose observations come stacked, with a new axis before their own: [..., frames, *shape].

    Args:
        single: the split as it is.
        frames: how many observations make one.
    """

    def __init__(self, single: Trajectories, frames: int) -> None:
        if frames < 1:
            raise ConfigError("frames of a stack", expected="at least 1", got=frames)
        self.__dict__.update(single.__dict__)
        self.frames = frames

    def __repr__(self) -> str:
        return super().__repr__().replace(")", f", {self.frames} observations stacked)")

    def episode(self, index: int) -> Episode:
        """One episode; its observations are [T + 1, frames, *shape]."""
        episode = super().episode(index)
        space: gym.Space[Any] = self._spaces[0]
        steps = np.arange(len(episode.rewards) + 1)
        observed = [stack(leaf.pick(episode.observations), steps, self.frames) for leaf in leaves(space)]
        return dataclasses.replace(episode, observations=assemble(space, observed))

    def arrays(self) -> dict[str, Array]:
        """Every column as one array; those of observations are [rows, frames, *shape]."""
        columns = super().arrays()
        stacked: dict[str, Array] = {}
        for name, values in columns.items():
            if name.partition(".")[0] == "observation":
                stacked[name] = stack(values, columns["step_index"], self.frames)
        for name, values in columns.items():
            if name.partition(".")[0] == "next_observation":
                before = stacked[name.removeprefix("next_")]
                stacked[name] = np.concatenate([before[:, 1:], values[:, None]], axis=1)
        return {name: stacked.get(name, values) for name, values in columns.items()}
