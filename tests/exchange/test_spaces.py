"""The spaces of what is imported."""

import numpy as np
import pytest

from builder.episodes.spaces import Spaces
from builder.episodes.unbounded import unbounded
from builder.errors import DatasetError
from builder.exchange.contract import Trajectory
from builder.exchange.spaces import exactly


def test_values_are_cast_only_where_nothing_of_them_is_lost():
    spaces = Spaces(unbounded((1,), np.dtype("f4")), unbounded((), np.dtype("i8")))
    whole = Trajectory((np.array([[0.5]]),), (np.array([1], "i4"),), None, None, None, None)
    came = exactly(whole, spaces)
    assert (came.observations[0].dtype, came.actions[0].dtype) == ("float32", "int64")
    narrowed = Trajectory((np.array([[0.1]]),), (np.array([1]),), None, None, None, None)
    with pytest.raises(DatasetError, match="float32 does not"):
        exactly(narrowed, spaces)
