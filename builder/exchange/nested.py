"""Arrays as nested lists of Arrow, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa


def list_type(dtype: np.dtype[Any], dimensions: int) -> pa.DataType:
    """Lists in lists, so many deep, of plain values."""
    import pyarrow as pa

    found = pa.from_numpy_dtype(dtype.newbyteorder("="))
    for _ in range(dimensions):
        found = pa.list_(found)
    return found


def to_lists(values: Array) -> pa.Array:
    """Values [n, ...] as n lists in lists, or as n plain values."""
    import pyarrow as pa

    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    found = pa.array(native.reshape(-1))
    for axis in range(values.ndim - 1, 0, -1):
        count, size = int(np.prod(values.shape[:axis])), values.shape[axis]
        found = pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * np.int32(size), found)
    return found


def from_lists(column: pa.Array, where: str) -> Array:
    """Lists in lists as the values [n, ...] that they hold.

    Raises:
        DatasetError: something is missing in them, they are of different lengths, or hold no numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    shape = [len(column)]
    while True:
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        if column.null_count:
            raise DatasetError(f"{where} has values that are missing")
        if not hasattr(column.type, "value_type") or pa.types.is_dictionary(column.type):
            break
        sizes = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        if len(sizes) and sizes.min() != sizes.max():
            raise DatasetError(f"{where} has lists of different lengths")
        shape.append(int(sizes[0]) if len(sizes) else 0)
        column = column.flatten()
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DatasetError(f"{where}", expected="numbers", got=str(kind)[:80])
    values: Array = column.to_numpy(zero_copy_only=False)
    return values.reshape(shape)
