"""What `step` is given, and how its answer is stored exactly; rollout and replay share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Leaf, assemble
from builder.errors import SpaceError


def action_values(space: gym.Space[Any], actions: Sequence[Array]) -> list[Any]:
    """What `step` is given: values of its own, into which an environment may write.

    Args:
        space: the action space.
        actions: per leaf an array [rows, ...].
    """
    actions = [column.copy() for column in actions]
    if len(actions) == 1 and not isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        return list(actions[0])
    return [assemble(space, row) for row in zip(*actions, strict=True)]


def store(leaf: Leaf, column: Array, values: list[Any]) -> None:
    """Write one value per row; anything but arrays of the leaf's own dtype takes the careful way."""
    try:
        if len(leaf.shape) == 1:
            np.concatenate(values, out=column.reshape(-1), casting="equiv")
        elif leaf.shape:
            np.stack(values, out=column, casting="equiv")
        else:
            store_checked(leaf, column, values)
    except (TypeError, ValueError):
        store_checked(leaf, column, values)


def whole_column(leaf: Leaf, values: Array) -> Array:
    """What all lanes gave at once, in the dtype that the leaf declares: [rows, ...].

    Raises:
        SpaceError: see `store_checked`.
    """
    if (values.dtype, values.shape[1:]) == (leaf.dtype, leaf.shape):
        return values
    column: Array = np.empty((len(values), *leaf.shape), leaf.dtype)
    store_checked(leaf, column, list(values))
    return column


def store_checked(leaf: Leaf, column: Array, values: list[Any]) -> None:
    """Write one value per row, refusing what would change it.

    Raises:
        SpaceError: a value of another shape, or one that the leaf's dtype cannot hold.
    """
    for row, value in enumerate(values):
        array = np.asarray(value)
        if array.shape == leaf.shape:
            with np.errstate(invalid="ignore"):
                column[row] = array.astype(leaf.dtype)
            if _same_numbers(column[row], array):
                continue
        raise SpaceError(
            "the environment gives observations that its observation space does not declare"
            + (f" (at {leaf.name})" if leaf.path else ""),
            expected=f"{leaf.dtype}{list(leaf.shape)}",
            got=f"{array.dtype}{list(array.shape)}",
            remedy="wrap the environment so that its space and its observations agree"
            + (_in_dtype(leaf) if array.shape == leaf.shape else ""),
        )


def _in_dtype(leaf: Leaf) -> str:
    """The wrapper that rounds, where an environment is only careless with its dtype."""
    if leaf.path:
        return ""
    return f", or have env.wrappers=[{{path: DtypeObservation, kwargs: {{dtype: {leaf.dtype}}}}}] round them"


def _same_numbers(stored: Any, given: Array) -> bool:
    """Whether a value is what it was; compared as float64, large whole numbers would look alike."""
    if not np.array_equal(stored, given, equal_nan=given.dtype.kind == "f"):
        return False
    if given.dtype.kind not in "iu" or stored.dtype.kind != "f":
        return True
    with np.errstate(invalid="ignore"):
        return np.array_equal(stored.astype(given.dtype), given)
