"""Arrays on their way: what formats of one array each hold, and back into the dtype and shape of a space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.errors import ConfigError, DatasetError


def single_leaves(spaces: Spaces, format_name: str) -> tuple[Leaf, Leaf]:
    """The one array of what was observed, and the one of what was done.

    Raises:
        ConfigError: a space has several.
    """
    found = []
    for space, name in zip(spaces, Spaces._fields, strict=True):
        parts = leaves(space)
        if len(parts) > 1:
            raise ConfigError(
                f"{format_name} holds one array for each {name}",
                got=f"{len(parts)}",
                remedy="to=minari holds nested spaces",
            )
        found.append(parts[0])
    return found[0], found[1]


def exactly_as(values: Array, dtype: np.dtype[Any]) -> Array | None:
    """The values in another dtype; None: one of them would not survive that."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(dtype, copy=False)
    nans = values.dtype.kind == "f" and dtype.kind == "f"
    return cast if cast is values or np.array_equal(cast, values, equal_nan=nans) else None


def fitted(values: Array, leaf: Leaf, where: str) -> Array:
    """Values [n, ...] of another dtype or shape as a leaf has them, [n, *leaf.shape].

    Raises:
        DatasetError: they do not fit, or the leaf's dtype does not hold them exactly.
    """
    size = int(np.prod(leaf.shape, dtype=object))
    if values.size != len(values) * size or values.dtype.kind not in "biuf":
        raise DatasetError(
            f"{where} does not fit its space",
            expected=f"{leaf.dtype} of shape {leaf.shape}",
            got=f"{values.dtype} of shape {values.shape[1:]}",
        )
    cast = exactly_as(values, leaf.dtype)
    if cast is None:
        raise DatasetError(f"{where} holds what its space has no place for", expected=str(leaf.dtype))
    return cast.reshape(len(values), *leaf.shape)


def all_fitted(arrays: Sequence[Array], found: Sequence[Leaf], where: str) -> tuple[Array, ...]:
    """`fitted`, leaf by leaf.

    Raises:
        DatasetError: see there; or there are more arrays than leaves, or fewer.
    """
    if len(arrays) != len(found):
        raise DatasetError(
            f"{where} does not fit its space", expected=f"{len(found)} arrays", got=len(arrays)
        )
    return tuple(fitted(array, leaf, where) for array, leaf in zip(arrays, found, strict=True))
