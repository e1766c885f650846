"""The space of arrays of which nothing else is known."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from builder.errors import DatasetError


def unbounded(shape: tuple[int, ...], dtype: np.dtype[Any]) -> gym.Space[Any]:
    """A space for arrays of which nothing else is known.

    Raises:
        DatasetError: they are not numbers.
    """
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise DatasetError("observations or actions are no numbers", got=str(dtype))
    if dtype.kind == "b":
        return gym.spaces.Box(0, 1, shape, dtype.type)
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    low, high = (limits.min, limits.max) if limits else (-np.inf, np.inf)
    return gym.spaces.Box(low, high, shape, dtype.type)
