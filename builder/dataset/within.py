"""Recorded values and the bounds of their spaces: actions are held to them, observations are counted.

An action beyond its space is one that the environment does not have. Observations beyond theirs are given by
many an environment (LunarLander, BipedalWalker) whose bounds are a rough guess: they are what was observed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.bounds import bounds, finite_bounds
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.errors import SpaceError
from builder.manifest.manifest import Manifest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outside:
    """The first action that is not of its space.

    Attributes:
        row: of the steps.
        name: of the action's part, dotted; empty where it has none.
        expected: the least and the greatest value.
        got: the value.
    """

    row: int
    name: str
    expected: str
    got: str


def first_outside(space: gym.Space[Any], actions: Sequence[Array]) -> Outside | None:
    """The first of some actions, per leaf [R, ...], that is not of its space; None: all are."""
    found = []
    for order, (leaf, values) in enumerate(zip(leaves(space), actions, strict=True)):
        outside = _outside(leaf, values)
        if outside.any():
            found.append((int(np.argmax(outside)), order, leaf, values))
    if not found:
        return None
    row, _, leaf, values = min(found, key=lambda entry: entry[:2])
    low, high = (np.broadcast_to(bound, leaf.shape) for bound in finite_bounds(leaf))
    place = tuple(np.argwhere(~((values[row] >= low) & (values[row] <= high)))[0])
    return Outside(row, leaf.name, f"{low[place]} to {high[place]}", str(values[row][place]))


def count_beyond(space: gym.Space[Any], recording: Recording) -> int:
    """How many observations, final ones included, have a component beyond the bounds, or an infinite one."""
    steps = np.zeros(len(recording.rewards), bool)
    finals = np.zeros(len(recording.attempts), bool)
    for leaf, observations, last in zip(leaves(space), recording.observations, recording.finals, strict=True):
        if not _holds_all(leaf):
            steps |= _outside(leaf, observations)
            finals |= _outside(leaf, last)
    return int(steps.sum() + finals.sum())


def _outside(leaf: Leaf, values: Array) -> Array:
    """Bool [rows]: where a component is not a finite one within the bounds."""
    low, high = finite_bounds(leaf)
    within = (values >= low) & (values <= high)
    if within.all():  # quicker than row by row
        return np.zeros(len(values), bool)
    found: Array = ~within.reshape(len(values), -1).all(axis=1)
    return found


def _holds_all(leaf: Leaf) -> bool:
    """Whether the bounds are those of the dtype, as of pixels: nothing can be beyond them."""
    if leaf.dtype.kind not in "iu":
        return False
    low, high = bounds(leaf)
    limits = np.iinfo(leaf.dtype)
    return bool(np.all(low == limits.min) and np.all(high == limits.max))


def refuse_outside(recording: Recording, spaces: Spaces) -> None:
    """Do nothing where all actions are of their space.

    Raises:
        SpaceError: the first one that is not.
    """
    found = first_outside(spaces.action, recording.actions)
    if found is None:
        return
    position = int(np.searchsorted(np.cumsum(recording.lengths), found.row, side="right"))
    raise SpaceError(
        f"attempt {recording.attempts[position]} recorded, at step"
        f" {found.row - recording.starts[position]}, an action that the environment does not have"
        + (f" (at {found.name})" if found.name else ""),
        expected=found.expected,
        got=found.got,
        remedy="give the environment, and record, actions of its space: np.clip(action, low, high)",
    )


def tell_of_beyond(manifest: Manifest) -> None:
    """Say in the log how many observations are beyond their bounds."""
    if manifest.beyond_bounds:
        total = sum(split.rows + split.episodes for split in manifest.splits.values())
        log.info(
            "%d of %d observations are beyond the bounds that their space declares, or infinite",
            *(manifest.beyond_bounds, total),
        )
