"""Structs of Thrift's compact protocol, as far as the footer and the pages of a Parquet file have them.

See https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. What no Parquet file
has is an error, and so is a field that comes twice: readers differ in which of them counts.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import Any

from builder.storage.limits import PARQUET_FOOTER_VALUES

DEEPEST = 8
"""Structs and lists in one another."""
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12

Content = bytes | mmap.mmap
Struct = Mapping[int, Any]


class ThriftError(ValueError):
    """What is read is no struct, or one that no Parquet file has."""


def read_struct(content: Content, start: int, stop: int) -> tuple[Struct, int]:
    """The fields of a struct by their numbers, and where it ends; texts and fractions are skipped.

    Args:
        content: what it lies in.
        start: where it begins.
        stop: where it has to have ended.

    Raises:
        ThriftError: it is none.
    """
    return _Reader(content, start, stop).read()


class _Reader:
    """Reads one struct."""

    def __init__(self, content: Content, start: int, stop: int) -> None:
        self._content, self._at, self._stop = content, start, stop
        self._left = PARQUET_FOOTER_VALUES

    def read(self) -> tuple[Struct, int]:
        """The fields by their numbers, and where the struct ends."""
        return self._struct(DEEPEST), self._at

    def _byte(self) -> int:
        if self._at >= self._stop:
            raise ThriftError("it is cut short")
        self._at += 1
        return self._content[self._at - 1]

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
        raise ThriftError("a number of more than 64 bits")

    def _number(self, bits: int) -> int:
        found = self._varint()
        value = (found >> 1) ^ -(found & 1)
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise ThriftError(f"a number of more than {bits} bits")
        return value

    def _skip(self, size: int) -> None:
        if size > self._stop - self._at:
            raise ThriftError("it is cut short")
        self._at += size

    def _struct(self, depth: int) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while byte := self._byte():
            number = number + (byte >> 4) if byte >> 4 else self._number(16)
            if number in fields:
                raise ThriftError("it says the same twice")
            fields[number] = self._value(byte & 15, depth)
        return fields

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        size = self._varint() if size == 15 else size
        if kind in (TRUE, FALSE):  # in a list each is a byte of its own
            kind = BYTE
        return [self._value(kind, depth) for _ in range(size)]

    def _value(self, kind: int, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ThriftError("it has too many values")
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind in (I16, I32, I64):
            return self._number({I16: 16, I32: 32, I64: 64}[kind])
        if kind in (BYTE, DOUBLE):
            return self._skip(1 if kind == BYTE else 8)
        if kind == BINARY:
            return self._skip(self._varint())
        if kind == STRUCT and depth:
            return self._struct(depth - 1)
        if kind == LIST and depth:
            return self._list(depth - 1)
        raise ThriftError(f"it has a field of kind {kind}")
