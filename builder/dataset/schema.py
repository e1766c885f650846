"""What a space looks like as a column: features, Arrow arrays, and arrays back, bit for bit.

| leaf of a space | column |
|---|---|
| Discrete, or rank 0 | `Value` |
| rank 1 | `Sequence` of fixed length |
| rank 2 to 5 | `Array2D` to `Array5D` |
| uint8 Box H×W×3 or H×W, bounds 0..255 | `Image`, PNG |

Dict spaces become structs, Tuple spaces structs with the fields "0", "1", ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pyarrow as pa

from builder.dataset import images
from builder.dataset.column import Column
from builder.dataset.features import MAX_RANK, Feature, Features, arrow_type, image, shaped, value
from builder.episodes.spaces import Array, Leaf, Spaces, assemble, is_image, leaves
from builder.errors import DatasetError, SpaceError


def features(columns: Iterable[Column], spaces: Spaces) -> Features:
    """The features of the columns of a table.

    Raises:
        SpaceError: a space that cannot be stored.
    """
    return {column.name: _column_feature(column, spaces) for column in columns}


def _column_feature(column: Column, spaces: Spaces) -> Feature:
    if isinstance(column.kind, str):
        return value(column.kind)
    return _feature(column.kind(spaces), f"{column.name} space")


def to_arrow(space: gym.Space[Any], leaf_arrays: Sequence[Array]) -> pa.Array:
    """Put the values of a space into one Arrow array, a struct for Dict and Tuple spaces.

    Numbers are not copied where Arrow can share them, so the arrays must not be written to afterwards.

    Args:
        space: the space of the values.
        leaf_arrays: per leaf, in the order of `leaves`, an array [rows, *leaf shape] in the leaf's dtype.

    Raises:
        SpaceError: the space cannot be stored, or the arrays are not of it.
    """
    found = leaves(space)
    if len(found) != len(leaf_arrays):
        raise SpaceError(
            "these are not the values of the space", expected=f"{len(found)} arrays", got=len(leaf_arrays)
        )
    parts = [_leaf_to_arrow(leaf, values) for leaf, values in zip(found, leaf_arrays, strict=True)]
    return _structs(_named(assemble(space, parts), "space"))


def plain_to_arrow(values: Array) -> pa.Array:
    """Put plain values [N], numbers or texts, into an Arrow array, numbers without a copy as `to_arrow` does.

    `pa.array` does the same, but imports pandas before it looks at them.
    """
    if values.dtype == object:
        if None in values:
            return pa.array(values.tolist(), pa.string())
        texts = [text.encode() for text in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
    flat = np.ascontiguousarray(values)
    bits = np.packbits(flat, bitorder="little") if flat.dtype == np.bool_ else flat
    return pa.Array.from_buffers(pa.from_numpy_dtype(flat.dtype), len(flat), [None, pa.py_buffer(bits)])


def from_arrow(space: gym.Space[Any], column: pa.Array | pa.ChunkedArray) -> tuple[Array, ...]:
    """Get the values of a space back from a column that `to_arrow` made, read from wherever.

    Args:
        space: the space of the values.
        column: the Arrow array; one chunk of numbers is shared, not copied, and then read-only.

    Returns:
        Per leaf, in the order of `leaves`, an array [rows, *leaf shape] in the leaf's dtype.

    Raises:
        DatasetError: the column does not hold values of the space.
    """
    return tuple(leaf_from_arrow(leaf, column) for leaf in leaves(space))


def plain_from_arrow(values: pa.Array | pa.ChunkedArray) -> Array:
    """Get plain values [N] back, one chunk of numbers without a copy as `from_arrow` does.

    `to_numpy` does the same, but imports pandas.

    Raises:
        DatasetError: there are nulls among them.
    """
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if array.null_count:
        raise DatasetError(
            "a column of the dataset holds nulls", expected=f"a value of {array.type} in each row"
        )
    if pa.types.is_string(array.type):
        return np.array(array.to_pylist(), object)
    if pa.types.is_boolean(array.type):  # Arrow packs them into bits
        return np.from_dlpack(array.cast(pa.uint8())).view(np.bool_)
    found: Array = np.from_dlpack(array)
    return found


def column_from_arrow(
    column: Column, values: pa.Array | pa.ChunkedArray, spaces: Spaces
) -> tuple[Array, ...]:
    """Get the values of a column of a dataset back, as `from_arrow` does those of a space; texts as objects.

    Of a column that may be null, where it is not comes last; there stand NaN, zeros or None where it is.

    Raises:
        DatasetError: they are not what the column holds.
    """
    if column.nullable:
        valid = np.asarray(values.is_valid())
        there = column_from_arrow(dataclasses.replace(column, nullable=False), values.drop_null(), spaces)
        return (*(_spread(array, valid) for array in there), valid)
    if not isinstance(column.kind, str):
        return from_arrow(column.kind(spaces), values)
    if column.kind == "string":
        return (plain_from_arrow(values),)
    dtype = np.dtype(column.kind)
    return (leaf_from_arrow(Leaf((), gym.Space((), dtype), (), dtype), values),)


def with_nulls(values: pa.Array, valid: Array) -> pa.Array:
    """The values, null where they are not valid (bool [rows])."""
    if valid.all():
        return values
    storage = values.storage if isinstance(values, pa.ExtensionArray) else values
    found = storage.take(pa.array(np.arange(len(valid)), mask=~valid))  # whatever its type
    return pa.ExtensionArray.from_storage(values.type, found) if storage is not values else found


def _spread(there: Array, valid: Array) -> Array:
    """[rows, ...]: the values that are there, each in its row; NaN, zeros or None in the others."""
    absent: Any = np.nan if there.dtype.kind == "f" else None if there.dtype == object else 0
    found = np.full((len(valid), *there.shape[1:]), absent, there.dtype)
    found[valid] = there
    return found


def _feature(space: gym.Space[Any], what: str) -> Feature:
    return _features(_named(assemble(space, leaves(space, what)), what), what)


def _features(tree: Any, what: str) -> Feature:
    if isinstance(tree, dict):
        return {name: _features(part, what) for name, part in tree.items()}
    _check_leaf(tree, what)
    return image() if is_image(tree) else shaped(str(tree.dtype), tree.shape)


def _check_leaf(leaf: Leaf, what: str) -> None:
    where = f"the {what}" + (f" at {leaf.name!r}" if leaf.path else "")
    if len(leaf.shape) > MAX_RANK:
        raise SpaceError(
            f"{where} has too many axes to be stored",
            expected=f"at most {MAX_RANK}",
            got=f"shape {leaf.shape}",
            remedy="flatten some of them with a wrapper, such as gymnasium.wrappers.ReshapeObservation",
        )
    if not leaf.dtype.isnative:
        raise SpaceError(f"{where} has dtype {leaf.dtype}, whose byte order is not this machine's")


def _named(tree: Any, what: str) -> Any:
    """The tree of a space with every inner node as a dict of named parts.

    Raises:
        SpaceError: an inner node without parts, or a name that a column cannot have.
    """
    if isinstance(tree, tuple):
        tree = {str(index): part for index, part in enumerate(tree)}
    if not isinstance(tree, dict):
        return tree
    if not tree:
        raise SpaceError(f"the {what} has a part that is empty", remedy="leave it out with a wrapper")
    for key in tree:
        if not isinstance(key, str) or key in {"", "_type"}:
            raise SpaceError(
                f"the {what} has a part named {key!r}",
                expected='a text that is neither empty nor "_type", which `datasets` keeps for itself',
                remedy="rename it with a wrapper",
            )
    return {key: _named(part, what) for key, part in tree.items()}


def _structs(tree: Any) -> pa.Array:
    if not isinstance(tree, dict):
        return tree
    return pa.StructArray.from_arrays([_structs(part) for part in tree.values()], names=list(tree))


def _leaf_to_arrow(leaf: Leaf, values: Array) -> pa.Array:
    _check_leaf(leaf, "space")
    if values.dtype != leaf.dtype or values.shape[1:] != leaf.shape or not values.ndim:
        raise SpaceError(
            f"these are not values of the space {leaf.space}",
            expected=f"{leaf.dtype} [rows, *{leaf.shape}]",
            got=f"{values.dtype} {values.shape}",
        )
    if is_image(leaf):
        return images.encode(values)
    flat = plain_to_arrow(values.reshape(-1))
    if not leaf.shape:
        return flat
    if len(leaf.shape) == 1:
        return pa.FixedSizeListArray.from_arrays(flat, leaf.shape[0])
    return pa.ExtensionArray.from_storage(
        arrow_type(shaped(str(leaf.dtype), leaf.shape)), _nested(flat, leaf.shape)
    )


def _nested(array: pa.Array, shape: tuple[int, ...]) -> pa.Array:
    """Lists of lists of the given sizes, which `datasets` stores with offsets though they are fixed."""
    for size in reversed(shape):
        offsets = np.arange(len(array) // size + 1, dtype=np.int64) * size
        array = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), array)
    return array


def leaf_from_arrow(leaf: Leaf, column: pa.Array | pa.ChunkedArray) -> Array:
    """Get the values [rows, *leaf shape] of one leaf of a space back from a column that holds it.

    Raises:
        DatasetError: the column does not hold values of the leaf.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [_leaf_from_chunk(leaf, _descend(leaf, chunk)) for chunk in chunks]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty((0, *leaf.shape), leaf.dtype)


def _descend(leaf: Leaf, column: pa.Array) -> pa.Array:
    for key in leaf.path:
        if not _has_field(column, str(key)):
            raise _mismatch(leaf, column)
        column = column.field(str(key))
    return column


def _has_field(column: pa.Array, name: str) -> bool:
    return (
        pa.types.is_struct(column.type) and not column.null_count and column.type.get_field_index(name) >= 0
    )


def _leaf_from_chunk(leaf: Leaf, column: pa.Array) -> Array:
    if is_image(leaf):
        if not _has_field(column, "bytes"):
            raise _mismatch(leaf, column)
        return images.decode(column, leaf.shape)
    array = column.storage if isinstance(column, pa.ExtensionArray) else column
    for size in leaf.shape:
        if not _has_lists_of(array, size):
            raise _mismatch(leaf, column)
        array = array.flatten()
    if array.null_count or array.type != pa.from_numpy_dtype(leaf.dtype):
        raise _mismatch(leaf, column)
    return plain_from_arrow(array).reshape(len(column), *leaf.shape)


def _has_lists_of(array: pa.Array, size: int) -> bool:
    if array.null_count:
        return False
    if pa.types.is_fixed_size_list(array.type):
        return bool(array.type.list_size == size)
    if not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
        return False
    return bool((np.diff(plain_from_arrow(array.offsets)) == size).all())


def _mismatch(leaf: Leaf, column: pa.Array) -> DatasetError:
    what = "a column of the dataset does not hold the values of its space"
    return DatasetError(
        what + (f" at {leaf.name!r}" if leaf.path else ""),
        expected=f"{leaf.dtype} of shape {leaf.shape} without nulls",
        got=f"{column.type} with {column.null_count} nulls",
    )
