"""Plain values from inert records: mappings, numbers and numpy arrays, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, UnsafeArchiveError
from builder.experts.archive.inert_pickle import Call, Entries

_DTYPES = frozenset(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"])
_RECONSTRUCT = frozenset(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core"))
_FROM_BUFFER = frozenset(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core"))
_SCALAR = frozenset(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core"))
_MAX_ARRAY_BYTES = 64 << 20


def mapping(record: Any, where: str) -> dict[str, Any]:
    """A dict (or an OrderedDict, or an object's state) with text keys.

    Raises:
        ArchiveError: it is something else.
    """
    if isinstance(record, Call) and record.path == "collections.OrderedDict":
        record = record.entries
    if isinstance(record, tuple) and len(record) == 2:  # (state, state of the slots)
        record = record[0]
    if not isinstance(record, Entries) or not all(type(key) is str for key, _ in record.pairs):
        raise ArchiveError(f"{where}: a mapping is missing", got=type(record).__name__)
    return dict(record.pairs)


def number(record: Any, where: str) -> float | int:
    """A Python or numpy number, or an array of one element.

    Raises:
        ArchiveError: it is something else.
    """
    if isinstance(record, (bool, int, float)):
        return record
    if isinstance(record, Call) and record.path in _SCALAR and len(record.arguments) == 2:
        dtype = _dtype(record.arguments[0], where)
        content = _content(record.arguments[1], where)
        if len(content) != dtype.itemsize:
            raise ArchiveError(f"{where}: a number of {len(content)} bytes", expected=dtype.itemsize)
        value = np.frombuffer(content, dtype)
    else:
        value = array(record, where)
    if value.size != 1:
        raise ArchiveError(f"{where}: one number is missing", got=f"an array of {value.shape}")
    plain: float | int = value.reshape(()).item()
    return plain


def array(record: Any, where: str) -> Array:
    """A numpy array of plain numbers, in the native byte order.

    Raises:
        ArchiveError: it is something else, or its bytes do not fit its shape.
        UnsafeArchiveError: its elements are Python objects.
    """
    if isinstance(record, Call) and record.path in _RECONSTRUCT:
        if not (isinstance(record.state, tuple) and len(record.state) == 5):
            raise ArchiveError(f"{where}: a numpy array without content")
        _, shape, dtype_record, fortran, content = record.state
        order = "F" if fortran is True else "C"
    elif isinstance(record, Call) and record.path in _FROM_BUFFER and len(record.arguments) == 4:
        content, dtype_record, shape, order = record.arguments
        order = "F" if isinstance(order, str) and order == "F" else "C"
    else:
        raise ArchiveError(f"{where}: a numpy array is missing", got=type(record).__name__)
    dtype = _dtype(dtype_record, where)
    dimensions = _shape(shape, where)
    raw = _content(content, where)
    expected = dtype.itemsize * _product(dimensions)
    if len(raw) != expected or expected > _MAX_ARRAY_BYTES:
        raise ArchiveError(f"{where}: an array of {dimensions}", expected=f"{expected} bytes", got=len(raw))
    values = np.frombuffer(raw, dtype).reshape(dimensions, order="F" if order == "F" else "C")
    return values.astype(dtype.newbyteorder("="), order="C")


def _product(dimensions: tuple[int, ...]) -> int:
    size = 1
    for length in dimensions:
        size *= length
    return size


def _shape(record: Any, where: str) -> tuple[int, ...]:
    plain = isinstance(record, tuple) and len(record) <= 8
    if not plain or not all(type(length) is int and 0 <= length < 1 << 31 for length in record):
        raise ArchiveError(f"{where}: an array's shape is damaged")
    return tuple(record)


def _dtype(record: Any, where: str) -> np.dtype[Any]:
    known = isinstance(record, Call) and record.path == "numpy.dtype" and record.arguments
    if not known or type(record.arguments[0]) is not str:
        raise ArchiveError(f"{where}: an array's dtype is damaged")
    name = record.arguments[0]
    state = record.state if isinstance(record.state, tuple) else ()
    structured = any(part is not None for part in state[2:5])
    if name not in _DTYPES or structured:
        raise UnsafeArchiveError(
            f"{where}: an array of dtype {name[:20]!r}",
            expected="plain numbers",
            remedy="nothing of it was run",
        )
    byte_order = state[1] if len(state) > 1 and type(state[1]) is str and state[1] in "<>|=" else "="
    return np.dtype(name).newbyteorder(byte_order or "=")  # type: ignore[arg-type]  # one of four letters


def _content(record: Any, where: str) -> bytes:
    if isinstance(record, (bytes, bytearray)):
        return bytes(record)
    if isinstance(record, Call) and record.path == "_codecs.encode" and len(record.arguments) == 2:
        record = record.arguments[0]  # protocol 2 writes bytes as latin-1 text
    if isinstance(record, str):
        return record.encode("latin-1")
    raise ArchiveError(f"{where}: bytes are missing", got=type(record).__name__)
