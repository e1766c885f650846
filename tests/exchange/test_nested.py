"""Arrays as nested lists of Arrow, and back."""

import numpy as np
import pyarrow as pa
import pytest
from sweeps import sweep

from builder.errors import DatasetError
from builder.exchange.nested import from_lists, list_type, to_lists


@sweep("dtype", ["float32", "float64", "uint8", "int64", "bool", ">f4"], quick=2)
@pytest.mark.parametrize("shape", [(3,), (3, 1), (2, 3, 4, 2)], ids=str)
def test_what_comes_back_is_what_went(dtype, shape):
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    lists = to_lists(values)
    assert lists.type == list_type(values.dtype, len(shape) - 1)
    back = from_lists(lists, "x")
    assert back.dtype == values.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize("column", [[[1, 2], [3]], [[1], None], [[None]], [["a"]]], ids=str)
def test_lists_that_are_no_array_are_refused(column):
    with pytest.raises(DatasetError):
        from_lists(pa.array(column), "x")
