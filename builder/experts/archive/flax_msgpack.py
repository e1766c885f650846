"""What `flax.serialization.to_bytes` wrote, as plain values and arrays; the decoder makes nothing else.

Sources: the specification of MessagePack; `flax/serialization.py` (extension types 1 to 3).
"""

from __future__ import annotations

import struct
from math import prod
from typing import Any

import numpy as np

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.storage.limits import FLAX_DEPTH, FLAX_RANK, FLAX_VALUES, TEXT_BYTES, WEIGHTS_BYTES

_NDARRAY, _SCALAR = 1, 3
_DTYPES = frozenset(
    {"float16", "float32", "float64", "bool", *(f"{s}int{n}" for s in ("", "u") for n in (8, 16, 32, 64))}
)
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_LENGTHS = {
    **dict.fromkeys((0xC4, 0xC7, 0xD9), ">B"),
    **dict.fromkeys((0xC5, 0xC8, 0xDA, 0xDC, 0xDE), ">H"),
    **dict.fromkeys((0xC6, 0xC9, 0xDB, 0xDD, 0xDF), ">I"),
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def read_msgpack(content: bytes, where: str) -> Any:
    """The value that a file holds: dicts with texts for keys, lists, plain values and arrays.

    Args:
        content: the file.
        where: its name, for messages.

    Raises:
        ArchiveError: it is damaged, too large or nested too deep, or holds numbers that are not finite.
        UnsupportedExpertError: it holds values of another kind.
    """
    if len(content) > WEIGHTS_BYTES:
        raise ArchiveError(f"{where}: {len(content)} bytes", expected=f"at most {WEIGHTS_BYTES}")
    reader = _Reader(memoryview(content), where)
    try:
        value = reader.value(0)
    except (struct.error, UnicodeDecodeError) as error:
        raise ArchiveError(f"{where} is damaged ({type(error).__name__})") from error
    reader.check_end()
    return value


class _Reader:
    def __init__(self, content: memoryview, where: str, *, inner: bool = False) -> None:
        self._content, self._where, self._inner = content, where, inner
        self._at = self._values = 0

    def check_end(self) -> None:
        if self._at != len(self._content):
            raise ArchiveError(f"{self._where}: {len(self._content) - self._at} bytes follow its end")

    def take(self, size: int) -> memoryview:
        if size > len(self._content) - self._at:
            raise ArchiveError(
                f"{self._where}: cut short, or a size in it is damaged", remedy="download it again"
            )
        self._at += size
        return self._content[self._at - size : self._at]

    def _number(self, kind: str) -> Any:
        return struct.unpack(kind, self.take(struct.calcsize(kind)))[0]

    def value(self, depth: int) -> Any:
        """The next value."""
        self._values += 1
        if depth > FLAX_DEPTH or self._values > FLAX_VALUES:
            raise ArchiveError(f"{self._where}: nested too deep, or too many values")
        code = self._number(">B")
        if code < 0x80 or code >= 0xE0:
            return code if code < 0x80 else code - 256
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _NUMBERS:
            return self._number(_NUMBERS[code])
        if code < 0xC0:
            kind, size = (
                ("map", "list", "text", "text")[(code - 0x80) >> 4],
                code & (0x1F if code >= 0xA0 else 0x0F),
            )
        elif 0xD4 <= code <= 0xD8:
            kind, size = "extension", 1 << (code - 0xD4)
        elif code in _LENGTHS:
            kind, size = _KINDS[code], self._number(_LENGTHS[code])
        else:
            raise ArchiveError(f"{self._where} is damaged", got=f"a value of type {code:#x}")
        return getattr(self, f"_{kind}")(size, depth)

    def _text(self, size: int, depth: int) -> str:
        if size > TEXT_BYTES:
            raise ArchiveError(f"{self._where}: a text of {size} bytes", expected=f"at most {TEXT_BYTES}")
        return str(self.take(size), "utf-8")

    def _bytes(self, size: int, depth: int) -> memoryview:
        if not self._inner:
            raise UnsupportedExpertError(f"{self._where}: bytes that are no array", expected="arrays")
        return self.take(size)

    def _list(self, size: int, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(size)]

    def _map(self, size: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(size):
            name = self.value(depth + 1)
            if type(name) is not str or name in found:
                raise ArchiveError(
                    f"{self._where}: a name that is none, or is there twice", got=repr(name)[:40]
                )
            found[name] = self.value(depth + 1)
        return found

    def _extension(self, size: int, depth: int) -> Any:
        kind = self._number(">b")
        if kind not in {_NDARRAY, _SCALAR} or self._inner:
            raise UnsupportedExpertError(f"{self._where}: a value of kind {kind}", expected="arrays")
        return _array(self.take(size), self._where)


def _array(content: memoryview, where: str) -> Any:
    """An array from its shape, the name of its dtype and its numbers."""
    reader = _Reader(content, where, inner=True)
    described = reader.value(0)
    reader.check_end()
    shape, name, numbers = described if isinstance(described, list) and len(described) == 3 else (None,) * 3
    name = str(name, "ascii", "replace") if isinstance(name, memoryview) else name
    if not isinstance(shape, list) or not isinstance(name, str) or not isinstance(numbers, memoryview):
        raise ArchiveError(f"{where}: an array without shape, type or numbers")
    if name not in _DTYPES:
        raise UnsupportedExpertError(f"{where}: an array of {name[:40]!r}", expected="plain numbers")
    if len(shape) > FLAX_RANK or not all(type(side) is int and 0 <= side < 1 << 31 for side in shape):
        raise ArchiveError(f"{where}: an array of shape {str(shape)[:60]}")
    size = prod(shape) * np.dtype(name).itemsize
    if size != len(numbers):
        raise ArchiveError(f"{where}: an array of shape {shape}", expected=f"{size} bytes", got=len(numbers))
    values = np.frombuffer(numbers, name).reshape(shape)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ArchiveError(f"{where}: an array has numbers that are NaN or infinite")
    return values


_KINDS = {
    **dict.fromkeys((0xC4, 0xC5, 0xC6), "bytes"),
    **dict.fromkeys((0xC7, 0xC8, 0xC9), "extension"),
    **dict.fromkeys((0xD9, 0xDA, 0xDB), "text"),
    **dict.fromkeys((0xDC, 0xDD), "list"),
    **dict.fromkeys((0xDE, 0xDF), "map"),
}
