"""Arrow's IPC files as data: looked at message by message, and nothing in them is unpacked.

A batch may be compressed, and then says itself how much its buffers unpack to. Neither Minari nor `datasets`
compresses any, so that such a file is refused before anything of that size is made; what is not compressed
lies in the file as it stands in memory, and the file's size bounds it. The numbers of the fields are those
of https://github.com/apache/arrow/blob/main/format/Message.fbs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from builder.errors import DatasetError
from builder.storage.limits import ARROW_BATCHES, ARROW_FILE_BYTES, TEXT_BYTES

MAGIC = b"ARROW1"
START = 8
"""The magic, and what fills it up to the first message."""
HEADER, COMPRESSION = 2, 3
"""The field of a message that holds its batch, and the field of a batch that says how it is compressed."""


def record_batches(path: Path) -> list[pa.RecordBatch]:
    """The batches of a file, as views of it; their values have not been looked at.

    Args:
        path: of a file that is no link.

    Raises:
        DatasetError: it is no file of Arrow's, is damaged or too large, or holds what is not read:
            compressed batches, dictionaries.
    """
    if (size := path.stat().st_size) > ARROW_FILE_BYTES:
        raise DatasetError(f"{path} is too large", expected=f"at most {ARROW_FILE_BYTES} bytes", got=size)
    try:
        content = path.read_bytes() if size <= START else pa.memory_map(str(path)).read_buffer()
        if bytes(content[:6]) != MAGIC or bytes(content[-6:]) != MAGIC or size <= 2 * START:
            raise DatasetError(f"{path} is no file of Arrow's, or is cut short")
        return list(_batches(pa.ipc.MessageReader.open_stream(content[START:]), path))
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise DatasetError(f"{path} is damaged: {str(error)[:200]}") from error


def streamed_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The batches of a file of the stream format, one by one, each checked whole.

    Args:
        path: of a file that is no link.

    Raises:
        DatasetError: as `record_batches`.
    """
    try:
        with pa.memory_map(str(path)) as source:
            for batch in _batches(pa.ipc.MessageReader.open_stream(source.read_buffer()), path):
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise DatasetError(f"{path} is damaged: {str(error)[:200]}") from error


def _batches(messages: pa.ipc.MessageReader, path: Path) -> Iterator[pa.RecordBatch]:
    schema: pa.Schema | None = None
    count = 0
    for message in messages:
        if message.metadata.size > TEXT_BYTES or count >= ARROW_BATCHES:
            raise DatasetError(f"{path} has too many parts", expected=f"at most {ARROW_BATCHES} batches")
        if schema is None:
            schema = pa.ipc.read_schema(message)
            _ = schema.names  # which may be no text
            continue
        if message.type != "record batch":
            raise DatasetError(f"{path} holds a {message.type}", expected="batches alone")
        if _is_compressed(message.metadata.to_pybytes()):
            raise DatasetError(
                f"{path} is compressed",
                expected="Arrow that is not, as Minari and datasets write it",
                remedy="write it again without compression: pyarrow.ipc.IpcWriteOptions(compression=None)",
            )
        count += 1
        yield pa.ipc.read_record_batch(message, schema)
    if schema is None:
        raise DatasetError(f"{path} is no file of Arrow's, or is cut short")


def _is_compressed(message: bytes) -> bool:
    """Whether the batch of a message, which pyarrow has found to be well-formed, states a compression."""
    (table,) = struct.unpack_from("<I", message, 0)
    batch = _field(message, table, HEADER)
    if batch is None:
        raise ValueError("a message without a batch")
    (start,) = struct.unpack_from("<I", message, batch)
    return _field(message, batch + start, COMPRESSION) is not None


def _field(content: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer's table lies; None: it has no such field."""
    (back,) = struct.unpack_from("<i", content, table)
    entry = table - back + 4 + 2 * number
    (size,) = struct.unpack_from("<H", content, table - back)
    if entry + 2 > table - back + size:
        return None
    (offset,) = struct.unpack_from("<H", content, entry)
    return table + offset if offset else None
