"""Arrays that come back in the dtype and the shape of their space, or not at all."""

import gymnasium as gym
import numpy as np
import pytest

from builder.episodes.spaces import Spaces, leaves
from builder.errors import ConfigError, DatasetError
from builder.exchange.arrays import all_fitted, fitted, single_leaves

(FLOATS,) = leaves(gym.spaces.Box(-1, 1, (2,), np.float32))
(CHOICE,) = leaves(gym.spaces.Discrete(4, start=-1))


def test_wider_floats_that_are_the_same_come_back():
    values = np.array([[0.1, np.nan]], np.float32)
    back = fitted(values.astype(np.float64), FLOATS, "x")
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, values)


def test_a_column_of_one_number_becomes_a_choice():
    assert fitted(np.array([[3.0], [-1.0]]), CHOICE, "x").tolist() == [3, -1]


@pytest.mark.parametrize(
    ("values", "leaf"),
    [
        (np.array([[0.1, 0.2]]), FLOATS),
        (np.array([[1.5]]), CHOICE),
        (np.array([[np.nan]]), CHOICE),
        (np.array([[1.0]]), FLOATS),
        (np.array([["1", "2"]]), FLOATS),
    ],
    ids=["narrowed", "half", "nan", "shape", "text"],
)
def test_what_would_change_is_refused(values, leaf):
    with pytest.raises(DatasetError):
        fitted(values, leaf, "x")


def test_several_arrays_are_refused_where_one_is_held():
    nested = gym.spaces.Tuple((FLOATS.space, FLOATS.space))
    with pytest.raises(ConfigError, match="one array for each observation"):
        single_leaves(Spaces(nested, CHOICE.space), "d4rl")
    with pytest.raises(DatasetError, match="expected 2 arrays"):
        all_fitted([np.zeros((1, 2))], leaves(nested), "x")
