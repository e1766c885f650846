"""The pages of a Parquet file, by their own headers: how much they unpack to, before one is unpacked.

A reader makes room for what a page says of itself, whatever the footer says: twenty bytes can stand for
2**31 values. So both have to say the same. The headers are Thrift's compact protocol, of which
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift needs numbers and structs.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
"""Bytes of a value, which equal ones need not have in the file."""
TEXT_WIDTH = 8
"""Of what varies in size: where it begins."""
DATA, DICTIONARY, DATA_V2 = 0, 2, 3
"""Kinds of pages; any other is skipped."""
COUNTED = {DATA: 5, DATA_V2: 8}
"""The field of a header that says how many values a page has: it comes first in there."""
ENCODING = {DATA: 2, DATA_V2: 4}
ENCODINGS = (0, 2, 3, 4, 5, 6, 8, 9)
"""All but DELTA_BYTE_ARRAY, in which a text of a megabyte is repeated by a byte."""
DEEPEST = 8
"""Structs in structs of a header."""
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 12

Content = bytes | mmap.mmap
Struct = Mapping[int, Any]


class PageError(ValueError):
    """A page cannot be read, or is not what the footer says."""


@dataclass(frozen=True)
class Pages:
    """What the pages of one column of a row group amount to.

    Attributes:
        unpacked: bytes, as they stand in the file but for compression.
        dictionary: of them, those of the dictionary; 0: there is none.
    """

    unpacked: int
    dictionary: int


def group_size(path: Path, metadata: pq.FileMetaData, group: int) -> int:
    """How many bytes a row group takes in memory at most, by its footer and by all its pages.

    Args:
        path: the file.
        metadata: its footer.
        group: which row group.

    Raises:
        PageError: pages and footer do not say the same, or what a page says means nothing.
        OSError: the file cannot be read.
        pa.ArrowException: a dictionary cannot be read.
    """
    columns = range(metadata.num_columns)
    chunks = [metadata.row_group(group).column(column) for column in columns]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return sum(
            _size(path, metadata, (group, column), column_pages(content, chunk))
            for column, chunk in enumerate(chunks)
        )


def _size(path: Path, metadata: pq.FileMetaData, place: tuple[int, int], pages: Pages) -> int:
    """What a column of a row group takes in memory."""
    group, column = place
    chunk, kind = metadata.row_group(group).column(column), metadata.schema.column(column)
    text = chunk.physical_type == "BYTE_ARRAY"
    width = WIDTHS.get(chunk.physical_type, TEXT_WIDTH if text else max(kind.length, TEXT_WIDTH))
    size: int = max(pages.unpacked, chunk.num_values * width)
    if not text or not pages.dictionary:
        return size
    if "." not in chunk.path_in_schema:
        return size + _texts(path, group, chunk.path_in_schema)
    return size + int(chunk.num_values) * pages.dictionary  # as if each were the longest


def _texts(path: Path, group: int, name: str) -> int:
    """Bytes of the texts of a column, each as often as it is in it; only the dictionary is unpacked."""
    file = pq.ParquetFile(path, read_dictionary=[name])
    found = file.read_row_group(group, columns=[name]).column(0)
    if not pa.types.is_dictionary(found.type):
        raise PageError(f"the dictionary of {name} is of no text")
    return sum(
        int(pc.sum(pc.binary_length(part.dictionary).take(part.indices)).as_py() or 0)
        for part in found.chunks
    )


def column_pages(content: Content, chunk: pq.ColumnChunkMetaData) -> Pages:
    """The pages of a column of a row group.

    Args:
        content: of the whole file.
        chunk: what the footer says of it.

    Raises:
        PageError: they are not what it says.
    """
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < start:
        start = chunk.dictionary_page_offset
    stop = start + chunk.total_compressed_size
    if not 0 <= start <= stop <= len(content):
        raise PageError("a column lies outside the file")
    seen = unpacked = dictionary = 0
    for header, size in _headers(content, start, stop):
        kind = header.get(1)
        unpacked += size
        if kind == DICTIONARY:
            dictionary += size
        elif kind in COUNTED:
            seen += _count(header, kind)
        if seen >= chunk.num_values:
            break
    if seen != chunk.num_values:
        raise PageError(f"pages of {seen} values, where the footer says {chunk.num_values}")
    if unpacked > chunk.total_uncompressed_size:
        raise PageError(f"pages of {unpacked} bytes, where the footer says {chunk.total_uncompressed_size}")
    return Pages(unpacked, dictionary)


def _headers(content: Content, start: int, stop: int) -> Iterator[tuple[Struct, int]]:
    """The headers of the pages between two places, and what each page unpacks to."""
    while start < stop:
        header, start = _Reader(content, start, stop).read()
        unpacked, packed = header.get(2), header.get(3)
        if not (isinstance(unpacked, int) and isinstance(packed, int) and min(unpacked, packed) >= 0):
            raise PageError("a page without a size")
        yield header, unpacked
        start += packed


def _count(header: Struct, kind: int) -> int:
    """How many values a page has.

    Raises:
        PageError: that is no number, or they are stored in a way that no build uses.
    """
    inner = header.get(COUNTED[kind])
    count, encoding = (inner.get(1), inner.get(ENCODING[kind])) if isinstance(inner, dict) else (None, None)
    if not isinstance(count, int) or count < 0:
        raise PageError("a page without a number of values")
    if encoding not in ENCODINGS:
        raise PageError(f"a page in an encoding that no build uses ({encoding})")
    return count


class _Reader:
    """Reads one struct; anything that a page header does not hold is an error."""

    def __init__(self, content: Content, start: int, stop: int) -> None:
        self._content, self._at, self._stop = content, start, stop

    def read(self) -> tuple[Struct, int]:
        """The fields by their numbers, and where the struct ends."""
        return self._struct(DEEPEST), self._at

    def _byte(self) -> int:
        if self._at >= self._stop:
            raise PageError("a page header that is cut short")
        self._at += 1
        return self._content[self._at - 1]

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
        raise PageError("a number of more than 64 bits in a page header")

    def _number(self, bits: int) -> int:
        found = self._varint()
        value = (found >> 1) ^ -(found & 1)
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise PageError(f"a number of more than {bits} bits in a page header")
        return value

    def _skip(self, size: int) -> None:
        if size > self._stop - self._at:
            raise PageError("a page header that is cut short")
        self._at += size

    def _struct(self, depth: int) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while byte := self._byte():
            number = number + (byte >> 4) if byte >> 4 else self._number(16)
            if number in fields:
                raise PageError("a page header that says the same twice")
            fields[number] = self._value(byte & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
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
        raise PageError(f"a page header with a field of kind {kind}")
