"""`policy.pth` to numpy arrays, without torch.

The pickle inside is decoded into inert records: every name in it must be one of torch's own for plain
tensors, and every tensor must fit the bytes that the file really has. The numbers are taken from the same
bytes by the same reader: a second one could find another directory in the file, and other tensors behind it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.bounded_zip import BoundedZip, ZipLimits
from builder.experts.archive.inert_pickle import Call, Entries, Global, InertPickle, PersistentId, decode
from builder.storage.limits import TENSORS, WEIGHTS_BYTES

_PICKLE_BYTES = 8 << 20
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_STORAGES = {
    "torch.FloatStorage": "f4",
    "torch.DoubleStorage": "f8",
    "torch.HalfStorage": "f2",
    "torch.LongStorage": "i8",
    "torch.IntStorage": "i4",
    "torch.ShortStorage": "i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "b1",
}
_NAMES = frozenset(_STORAGES) | {
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
}
_CALLS = _NAMES - frozenset(_STORAGES)
Pick = Callable[[Any], Any]
"""Finds, in the records of what a file holds, the mapping of names to tensors that is wanted."""


def whole(value: Any) -> Any:
    """The file holds that mapping, and nothing else."""
    return value


@dataclass(frozen=True)
class _Tensor:
    """What the records announce of a tensor."""

    storage: str
    dtype: str
    elements: int
    shape: tuple[int, ...]
    offset: int
    stride: tuple[int, ...]


def read_weights(content: bytes, where: str, pick: Pick = whole) -> dict[str, Array]:
    """The tensors of a torch file, by name.

    Args:
        content: the file; both the zip format and the stream format of torch before 1.6.
        where: the file, for messages.
        pick: which of its mappings; the tensors of others are not read.

    Raises:
        ArchiveError: it is damaged, too large, or holds numbers that are not finite.
        UnsafeArchiveError: its pickle names anything but plain tensors.
        UnsupportedExpertError: its tensors are of a kind that SB3 does not write.
    """
    if content.startswith(b"PK\x03\x04"):
        tensors, storages = _read_zip(content, where, pick)
    else:
        tensors, storages = _read_stream(content, where, pick)
    loaded = {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}
    for name, values in loaded.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            count = int(np.count_nonzero(~np.isfinite(values)))
            raise ArchiveError(f"{where}: {name[:80]} has {count} numbers that are NaN or infinite")
    return loaded


def _array(tensor: _Tensor, storage: Array) -> Array:
    """A tensor's numbers from those of its storage, [*shape], contiguous."""
    itemsize = storage.itemsize
    strides = tuple(step * itemsize for step in tensor.stride)
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.ascontiguousarray(view).reshape(tensor.shape)


def _read_zip(content: bytes, where: str, pick: Pick) -> tuple[dict[str, _Tensor], dict[str, Array]]:
    limits = ZipLimits(file=WEIGHTS_BYTES, members=TENSORS + 16, total=WEIGHTS_BYTES)
    with BoundedZip(io.BytesIO(content), where, limits) as archive:
        pickles = [name for name in archive.members if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ArchiveError(f"{where}: not a torch file", got=", ".join(sorted(archive.members)[:4]))
        root = pickles[0].partition("/")[0]
        if f"{root}/constants.pkl" in archive.members:
            raise UnsafeArchiveError(f"{where}: a TorchScript program", expected="weights")
        if f"{root}/byteorder" in archive.members and archive.read(f"{root}/byteorder", 16) != b"little":
            raise UnsupportedExpertError(f"{where}: written on a big-endian machine")
        tensors = _tensors(decode(archive.read(pickles[0], _PICKLE_BYTES), where), where, pick)
        storages = {}
        for name, tensor in tensors.items():
            info = archive.members.get(f"{root}/data/{tensor.storage}")
            size = tensor.elements * np.dtype(tensor.dtype).itemsize
            if info is None or info.file_size != size:
                raise ArchiveError(
                    f"{where}: the numbers of {name[:80]}",
                    expected=f"{size} bytes",
                    got=info.file_size if info else "none",
                )
            if tensor.storage not in storages:
                found = archive.read(info.filename, WEIGHTS_BYTES)
                storages[tensor.storage] = np.frombuffer(found, tensor.dtype)
    return tensors, storages


def stream_pickles(content: bytes, where: str) -> tuple[list[InertPickle], int]:
    """The five pickles at the head of a torch file as torch before 1.6 wrote it, and where they end.

    Raises:
        ArchiveError: it is not such a file.
        UnsafeArchiveError: a pickle names anything but plain tensors.
    """
    records: list[InertPickle] = []
    start = 0
    for _ in range(5):
        record = decode(content[start : start + _PICKLE_BYTES], where)
        check_names(record, where)
        records.append(record)
        start += record.end
    if records[0].value != _LEGACY_MAGIC or records[1].value != _LEGACY_PROTOCOL:
        raise ArchiveError(f"{where}: not a torch file", remedy="download it again")
    return records, start


def _read_stream(content: bytes, where: str, pick: Pick) -> tuple[dict[str, _Tensor], dict[str, Array]]:
    """Torch before 1.6: five pickles, then each storage as a count and its numbers."""
    if pick is not whole:
        raise UnsupportedExpertError(f"{where}: written by torch before 1.6", expected="a zip of torch's")
    records, start = stream_pickles(content, where)
    state, keys = records[3], records[4].value
    tensors = _tensors(state, where, pick)
    sizes = {t.storage: (t.elements, np.dtype(t.dtype).itemsize) for t in tensors.values()}
    if not isinstance(keys, list) or not all(type(key) is str and key in sizes for key in keys):
        raise ArchiveError(f"{where}: its list of storages does not match its tensors")
    if len(keys) != len(sizes) or len(set(keys)) != len(keys):
        raise ArchiveError(f"{where}: {len(keys)} storages", expected=len(sizes))
    dtypes = {tensor.storage: tensor.dtype for tensor in tensors.values()}
    storages = {}
    for key in keys:
        elements, itemsize = sizes[key]
        header = content[start : start + 8]
        if len(header) < 8 or struct.unpack("<q", header)[0] != elements:
            raise ArchiveError(f"{where}: cut short, or its storages are damaged", remedy="download it again")
        end = start + 8 + elements * itemsize
        if end > len(content):
            raise ArchiveError(f"{where}: cut short", expected=f"{end} bytes", got=len(content))
        storages[key] = np.frombuffer(content, dtypes[key], elements, start + 8)
        start = end
    return tensors, storages


def pairs_of(value: Any) -> list[tuple[Any, Any]]:
    """What a record maps to what, if it is a dict or one in order; of all else, nothing."""
    if isinstance(value, Call) and value.path == "collections.OrderedDict":
        return value.entries.pairs
    return value.pairs if isinstance(value, Entries) else []


def _tensors(record: InertPickle, where: str, pick: Pick) -> dict[str, _Tensor]:
    check_names(record, where)
    pairs = pairs_of(pick(record.value))
    if not pairs or len(pairs) > TENSORS:
        raise ArchiveError(f"{where}: {len(pairs)} tensors", expected=f"1 to {TENSORS}")
    if not all(type(name) is str for name, _ in pairs):
        raise ArchiveError(f"{where}: a tensor has no name")
    tensors = {name: _tensor(record, f"{where}: {name[:80]}") for name, record in pairs}
    dtypes: dict[str, tuple[str, int]] = {}
    for tensor in tensors.values():
        if dtypes.setdefault(tensor.storage, (tensor.dtype, tensor.elements)) != (
            tensor.dtype,
            tensor.elements,
        ):
            raise ArchiveError(f"{where}: storage {tensor.storage[:20]} is described in two ways")
    stored = sum(elements * np.dtype(dtype).itemsize for dtype, elements in dtypes.values())
    named = sum(prod(tensor.shape) * np.dtype(tensor.dtype).itemsize for tensor in tensors.values())
    if (total := max(stored, named)) > WEIGHTS_BYTES:  # many tensors may share one storage
        raise ArchiveError(f"{where}: {total} bytes of weights", expected=f"at most {WEIGHTS_BYTES}")
    return tensors


def check_names(record: InertPickle, where: str) -> None:
    """Refuse a pickle of tensors that names or calls anything else.

    Raises:
        UnsafeArchiveError: it does.
    """
    for name in record.names:
        if name.path not in _NAMES:
            raise UnsafeArchiveError(
                f"{where}: it would import {name.path[:80]!r}",
                expected="plain tensors",
                remedy="nothing of it was run",
            )
    for call in record.calls:
        if call.path not in _CALLS:
            raise UnsafeArchiveError(
                f"{where}: it would call {call.path[:80] or 'a value'!r}", remedy="nothing of it was run"
            )


def _tensor(record: Any, where: str) -> _Tensor:
    if isinstance(record, Call) and record.path.endswith("._rebuild_parameter") and record.arguments:
        record = record.arguments[0]
    if not (isinstance(record, Call) and record.path.endswith("._rebuild_tensor_v2")):
        raise UnsupportedExpertError(f"{where} is not a plain tensor")
    if len(record.arguments) < 4:
        raise ArchiveError(f"{where}: its description is damaged")
    reference, offset, shape, stride = record.arguments[:4]
    storage, dtype, elements = _storage(reference, where)
    numbers = (offset, *shape, *stride) if isinstance(shape, tuple) and isinstance(stride, tuple) else (None,)
    if not all(type(n) is int and 0 <= n < 1 << 40 for n in numbers) or len(shape) != len(stride):
        raise ArchiveError(f"{where}: its shape is damaged")
    size = prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True)) if size else offset
    if len(shape) > 8 or size > elements or last >= max(elements, 1):
        raise ArchiveError(f"{where}: shape {shape[:8]} does not fit its {elements} numbers")
    return _Tensor(storage, dtype, elements, shape, offset, stride)


def _storage(reference: Any, where: str) -> tuple[str, str, int]:
    """Key, dtype and number of elements of a storage, from torch's persistent id."""
    value = reference.value if isinstance(reference, PersistentId) else None
    if not isinstance(value, tuple) or len(value) < 5 or type(value[0]) is not str or value[0] != "storage":
        raise ArchiveError(f"{where}: it has no storage")
    _, kind, key, _, elements, *rest = value
    if not isinstance(kind, Global) or kind.path not in _STORAGES or any(part is not None for part in rest):
        raise UnsupportedExpertError(f"{where}: its storage is of an unknown kind")
    if type(key) is not str or len(key) > 40 or type(elements) is not int or not 0 <= elements < 1 << 40:
        raise ArchiveError(f"{where}: its storage is damaged")
    return key, _STORAGES[kind.path], elements
