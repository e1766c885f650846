"""Spaces for arrays of which nothing is known."""

import numpy as np
import pytest

from builder.episodes.unbounded import unbounded


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool"])
def test_every_value_of_a_dtype_is_in_its_space(dtype):
    space = unbounded((2,), np.dtype(dtype))
    values = [0, 1] if dtype in ("bool", "uint8") else [-1e9, 1e9]
    assert space.dtype == dtype
    assert space.contains(np.array(values).astype(dtype))
