"""The pages of a Parquet file, by their own headers: how much they unpack to, before one is unpacked.

A reader makes room for what a page says of itself, whatever the footer says: twenty bytes can stand for
2**31 values. So both have to say the same. The numbers of the fields are those of
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.dataset.thrift import Content, Struct, ThriftError, read_struct

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
ROW_GROUPS, CHUNKS = 4, 1
METADATA, ENCRYPTED, SIZES, PLACES = 3, (8, 9), 16, 17
HISTOGRAMS = {2: "max_repetition_level", 3: "max_definition_level"}
TEXT_BYTES = 1
"""Of the sizes of a column: of texts alone."""


class PageError(ValueError):
    """A page cannot be read, or is not what the footer says; or the footer is none."""


@dataclass(frozen=True)
class Pages:
    """What the pages of one column of a row group amount to.

    Attributes:
        unpacked: bytes, as they stand in the file but for compression.
        dictionary: of them, those of the dictionary; 0: there is none.
    """

    unpacked: int
    dictionary: int


def check_footer(path: Path, metadata: pq.FileMetaData) -> None:
    """Refuse what would end this process: pyarrow looks at a column of a row group without catching errors.

    Args:
        path: the file, at least as long as the end of a footer.
        metadata: its footer, as pyarrow has read it.

    Raises:
        PageError: a row group has other columns than the file, or one is encrypted or counted otherwise.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        stop = len(content) - 8
        start = stop - int.from_bytes(content[stop : stop + 4], "little")
        if start < 0:
            raise PageError("its footer is longer than the file")
        try:
            footer, _ = read_struct(content, start, stop)
        except ThriftError as error:
            raise PageError(f"its footer: {error}") from error
    columns = [metadata.schema.column(column) for column in range(metadata.num_columns)]
    for group in _structs(footer.get(ROW_GROUPS)):
        chunks = list(_structs(group.get(CHUNKS)))
        if len(chunks) != len(columns):
            raise PageError(f"a row group of {len(chunks)} columns, where the file has {len(columns)}")
        for chunk, column in zip(chunks, columns, strict=True):
            _check_chunk(chunk, column)


def _check_chunk(chunk: Struct, column: pq.ColumnSchema) -> None:
    facts = chunk.get(METADATA)
    if any(field in chunk for field in ENCRYPTED) or not isinstance(facts, dict) or PLACES in facts:
        raise PageError(f"the column {column.path} is stored as no build does")
    sizes = facts.get(SIZES, {})
    if not isinstance(sizes, dict):
        raise PageError(f"sizes of {column.path} that are none")
    for field, most in HISTOGRAMS.items():
        histogram = sizes.get(field, [])
        if not isinstance(histogram, list) or len(histogram) not in (0, getattr(column, most) + 1):
            raise PageError(f"levels of {column.path} that it does not have")
    if TEXT_BYTES in sizes and column.physical_type != "BYTE_ARRAY":
        raise PageError(f"texts in {column.path}, which has none")


def _structs(found: Any) -> Iterator[Struct]:
    """The structs of a list.

    Raises:
        PageError: it is no list of structs.
    """
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise PageError("a footer without its row groups or their columns")
    yield from found


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


def column_bytes(chunk: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """Where the footer says that the pages of a column of a row group begin, and one past their end."""
    start: int = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < start:
        start = chunk.dictionary_page_offset
    return start, start + chunk.total_compressed_size


def column_pages(content: Content, chunk: pq.ColumnChunkMetaData) -> Pages:
    """The pages of a column of a row group.

    Args:
        content: of the whole file.
        chunk: what the footer says of it.

    Raises:
        PageError: they are not what it says.
    """
    start, stop = column_bytes(chunk)
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
        try:
            header, start = read_struct(content, start, stop)
        except ThriftError as error:
            raise PageError(f"the header of a page: {error}") from error
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
