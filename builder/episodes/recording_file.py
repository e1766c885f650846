"""The file that recorded attempts are kept in.

It is a `safetensors` file: no pickle, one JSON header, readable by anyone. It is written under a temporary
name, then put in its place, and carries the sha256 of all that it holds.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import typing
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from builder.episodes.recording import EXTRAS, PER_STEP, Recording, flat, unflat
from builder.episodes.spaces import Array
from builder.errors import DatasetError, storage_error
from builder.storage.limits import ATTEMPTS, TENSOR_HEADER_BYTES
from builder.storage.paths import AnyPath, atomic_file, local_copy
from builder.storage.plain_json import check_tensor_file, parse_json
from builder.storage.remote_path import RemotePath
from builder.values import fits

FORMAT = 1


SUFFIX = ".safetensors"
HEAD = 2**16
"""Bytes at the beginning of a file that hold most headers."""
LENGTH, BEGINNING = 8, b'{"__metadata__":{"recording":'
"""How every recording begins: the length of the header in 8 bytes, then the header."""


PACKED, SHAPE = "packed.", "shape."
"""Before the names of arrays that are compressed, and of what tells their shape."""
TEXTS, ENDS = "texts.", "ends."
"""Before the names of arrays of texts as UTF-8, one after the other, and of where each ends."""
PICTURES, PACKING, SAMPLED = 4, 1, 16
"""The axes of an array of pictures; how hard zlib tries; how many pictures tell how large others will be."""
MOST_PACKING = 1_100
"""No byte that zlib writes stands for more (zlib.net, technical details: 1,032)."""
DAMAGED = (LookupError, TypeError, ValueError, AttributeError)
KINDS = {
    **dict.fromkeys(("attempts", "seeds", "lengths"), "i"),
    **dict.fromkeys(("terminated", "truncated"), "b"),
    **dict.fromkeys(("returns", "rewards"), "f"),
}
"""The kinds of the arrays that every recording has."""


@dataclass(frozen=True)
class Header:
    """What a recorded file says of itself.

    Attributes:
        identity: the chunk identity of the build that played it; empty for a file of the user's own.
        start: first attempt of the range that it covers.
        stop: one past the last.
        policy: the expert's name.
        observation_names: of the leaves, dotted, where their order may not be that of the space; else empty.
        action_names: likewise.
        figures: what is known of the attempts without their arrays, with its own checksum; empty: nothing.
        sha256: of the arrays and of all the above.
    """

    identity: str
    start: int
    stop: int
    policy: str
    observation_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    figures: str = ""
    sha256: str = ""


def write_recording(recording: Recording, path: AnyPath, header: Header) -> None:
    """Write a recording, whole or not at all.

    Raises:
        DatasetError: an array does not hold numbers.
        StorageError: the disk is full or not writable.
    """
    from safetensors.numpy import save_file

    tensors = {name: _storable(name, array) for name, array in _packed(flat(recording)).items()}
    content = {"format": FORMAT, **_facts(replace(header, sha256=_digest(header, tensors)))}
    try:
        with atomic_file(path) as file:
            save_file(tensors, file, metadata={"recording": json.dumps(content, sort_keys=True)})
    except Exception as error:
        raise storage_error(error, path) from error


def _packed(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays as numbers: texts as their bytes and where each ends; pictures, which compress well, so."""
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        if array.dtype == object and name.partition(".")[0] in EXTRAS:
            texts = [str(text or "").encode() for text in array]
            found[TEXTS + name] = np.frombuffer(b"".join(texts), np.uint8)
            found[ENDS + name] = np.cumsum([len(text) for text in texts], dtype=np.int64)
            continue
        if name.partition(".")[0] not in EXTRAS or array.dtype != np.uint8 or array.ndim != PICTURES:
            found[name] = array
            continue
        packed = zlib.compress(np.ascontiguousarray(array).reshape(-1).data, PACKING)
        found |= {PACKED + name: np.frombuffer(packed, np.uint8), SHAPE + name: np.array(array.shape)}
    return found


def _unpacked(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays back from what `_packed` made of them.

    Raises:
        ValueError: what is compressed is not of the size that is said, or texts are none.
    """
    apart = (PACKED, SHAPE, TEXTS, ENDS)
    found = {name: array for name, array in tensors.items() if not name.startswith(apart)}
    for name in (name.removeprefix(TEXTS) for name in tensors if name.startswith(TEXTS)):
        found[name] = _texts(tensors[TEXTS + name].tobytes(), tensors[ENDS + name])
    for name in (name.removeprefix(PACKED) for name in tensors if name.startswith(PACKED)):
        shape = tensors[SHAPE + name].tolist()
        size, packed = math.prod(shape), tensors[PACKED + name].tobytes()
        sound = len(shape) == PICTURES and min(shape) >= 0 and size <= MOST_PACKING * len(packed)
        content = zlib.decompressobj().decompress(packed, size + 1) if sound else b""
        if not sound or len(content) != size:
            raise ValueError(f"{name} is not as large as it says")
        found[name] = np.frombuffer(content, np.uint8).reshape(shape)
    return found


def _texts(content: bytes, ends: Array) -> Array:
    """The texts of which these are the bytes."""
    if ends.dtype != np.int64 or ends.ndim != 1 or (np.diff(ends, prepend=0) < 0).any():
        raise ValueError("texts whose ends are not in order")
    if (ends[-1] if len(ends) else 0) != len(content):
        raise ValueError("texts that are not as long as they say")
    starts = [0, *ends.tolist()]
    found = np.empty(len(ends), object)
    found[:] = [content[start:end].decode() for start, end in zip(starts, ends.tolist(), strict=False)]
    return found


def stored_bytes(recording: Recording) -> float:
    """About how many bytes the steps of a recording take in its file, those of pictures by a few of them."""
    total = 0.0
    for name, array in flat(recording).items():
        if name.partition(".")[0] in PER_STEP and len(array):
            some = array[:: max(1, len(array) // SAMPLED)]
            share = len(array) / len(some)
            total += share * sum(part.nbytes for part in _packed({name: some}).values())
    return total


def _storable(name: str, array: Array) -> Array:
    """The array as the file holds it: contiguous and little-endian."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DatasetError(f"{name} cannot be recorded", expected="an array of numbers", got=array.dtype)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _facts(header: Header) -> dict[str, Any]:
    """What the file holds of a header: no figures where there are none."""
    return {key: value for key, value in asdict(header).items() if value or key != "figures"}


def _digest(header: Header, tensors: dict[str, Array]) -> str:
    facts = json.dumps(_facts(replace(header, sha256="")), sort_keys=True)
    digest = hashlib.sha256(f"{facts}\n".encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def is_recording(path: AnyPath) -> bool:
    """Whether a file says at its beginning that it is a recording, damaged or not; an empty one may be."""
    if isinstance(path, Path):
        with path.open("rb") as file:
            head = file.read(LENGTH + len(BEGINNING))
    else:
        head = path.head(LENGTH + len(BEGINNING))
    return not head or head[LENGTH:] == BEGINNING


def read_header(file: Path, path: AnyPath | None = None) -> Header:
    """The header alone; the arrays are not read.

    Args:
        file: of this machine.
        path: where it comes from; None: it is there already.

    Raises:
        DatasetError: not a recorded file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        check_tensor_file(file)
        with safe_open(file, "np") as opened:
            content: dict[str, Any] = parse_json(opened.metadata()["recording"].encode())
        if content.pop("format") != FORMAT:
            raise DatasetError(f"{path or file} was written by another version of il-builder")
        return _header(content)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{path or file} is not a recorded file, or is damaged: {error}") from error


def header_of(path: AnyPath) -> Header:
    """The header of a file, which behind a URL is all that is brought of it.

    Raises:
        DatasetError: not a recorded file, or not as large as its header says.
        StorageError: it cannot be reached.
    """
    if isinstance(path, Path):
        return read_header(path)
    with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
        copy = Path(folder) / path.name
        try:
            _copy_header(path, copy)
        except OSError as error:
            raise DatasetError(f"{path} is not a recorded file, or is damaged: {error}") from error
        return read_header(copy, path)


def _copy_header(path: RemotePath, copy: Path) -> None:
    """Write a file of the same size and header, and with a hole for its arrays."""
    size = path.stat().st_size
    head = path.head(min(size, HEAD)) if size else b""
    length = min(size, LENGTH + TENSOR_HEADER_BYTES, LENGTH + int.from_bytes(head[:LENGTH], "little"))
    with copy.open("wb") as file:
        file.write(head if length <= len(head) else path.head(length))
        file.truncate(size)


def _header(content: Mapping[str, Any]) -> Header:
    """A header as its file holds it, each field of its type."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
    }
    header = Header(**values)
    for key, hint in typing.get_type_hints(Header).items():
        if not fits(getattr(header, key), hint):
            raise TypeError(f"its {key} is {getattr(header, key)!r:.40}")
    if not 0 <= header.start <= header.stop <= ATTEMPTS:
        raise ValueError(f"its attempts are {header.start} to {header.stop}")
    return header


def read_recording(path: AnyPath) -> tuple[Recording, Header]:
    """Read a recording and check its sha256.

    Raises:
        DatasetError: not a recorded file, or its content is not what was written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        with local_copy(path) as file:
            header, tensors = read_header(file, path), load_file(file)
        if (found := _digest(header, tensors)) != header.sha256:
            raise DatasetError(f"{path} is damaged", expected=f"sha256 {header.sha256}", got=found)
        recording = unflat(_unpacked(tensors))
        _check_kinds(recording)
    except (SafetensorError, OSError, zlib.error, *DAMAGED) as error:
        raise DatasetError(f"{path} is damaged: {error}") from error
    return recording, header


def _check_kinds(recording: Recording) -> None:
    """Refuse arrays of other kinds or ranks than a recording has, whatever their sha256."""
    for name, kind in KINDS.items():
        array = getattr(recording, name)
        if not isinstance(array, np.ndarray) or (array.dtype.kind, array.ndim) != (kind, 1):
            raise TypeError(f"{name} is no row of numbers of its kind")
