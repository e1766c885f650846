"""The least and the greatest value of each kind of leaf, and what is beyond them."""

import gymnasium as gym
import numpy as np
from sweeps import case

from builder.episodes.bounds import bounds, finite_bounds, outside
from builder.episodes.spaces import leaves

BEYOND = [
    (gym.spaces.Discrete(3, start=-1), [-1, 1], [-2, 2]),
    (gym.spaces.MultiDiscrete([2, 3], start=[0, 5]), [[0, 5], [1, 7]], [[0, 4], [2, 5]]),
    (gym.spaces.MultiBinary(2), [[0, 1]], [[0, 2], [-1, 0]]),
    (gym.spaces.Box(-1, 1, (2,)), [[-1, 1]], [[0, 1.0001], [np.nan, 0], [-np.inf, 0]]),
    (gym.spaces.Box(-np.inf, np.inf, (1,)), [[np.inf], [-np.inf]], [[np.nan]]),
    (gym.spaces.Box(np.array([0, -2]), np.array([1, 2]), dtype=np.int8), [[1, -2]], [[2, 0], [0, 3]]),
]


def test_what_is_beyond_the_bounds_is_told_row_by_row():
    for space, inside, beyond in BEYOND:
        with case(space, inside, beyond):
            (leaf,) = leaves(space)
            values = np.array([*inside, *beyond], leaf.dtype)
            assert outside(leaf, values).tolist() == [False] * len(inside) + [True] * len(beyond)


def test_finite_bounds_hold_no_infinity():
    (leaf,) = leaves(gym.spaces.Box(np.array([-np.inf, 0], np.float32), np.array([1, np.inf], np.float32)))
    largest = np.finfo(np.float32).max
    low, high = finite_bounds(leaf)
    assert (low.tolist(), high.tolist()) == ([-largest, 0], [1, largest])
    assert np.isinf(bounds(leaf)[0][0])
