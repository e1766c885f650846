"""Arrow's IPC files: views of what lies in them, nothing unpacked."""

import contextlib

import numpy as np
import pyarrow as pa
import pytest
from sweeps import case

from builder.errors import DatasetError
from builder.exchange.ipc import record_batches, streamed_batches
from builder.storage.limits import ARROW_FILE_BYTES

BATCH = pa.RecordBatch.from_pydict({"x": np.arange(1000), "y": pa.array(["a", None] * 500)})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "part-0.arrow"


def write(path, *batches, **options):
    with pa.ipc.new_file(path, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)


def test_batches_are_those_that_were_written(path):
    write(path, BATCH, BATCH.slice(3, 5))
    assert record_batches(path) == [BATCH, BATCH.slice(3, 5)]


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_compressed_file_is_refused_before_it_is_unpacked(path, codec):
    write(path, pa.RecordBatch.from_pydict({"x": np.zeros(1 << 16)}), compression=codec)
    before = pa.total_allocated_bytes()
    with pytest.raises(DatasetError, match="is compressed"):
        record_batches(path)
    assert pa.total_allocated_bytes() - before < 1 << 16


def test_a_compressed_batch_behind_a_plain_one_is_refused(path, tmp_path):
    write(path, BATCH)
    write(packed := tmp_path / "packed", BATCH, compression="zstd")
    plain, other = (pa.py_buffer(file.read_bytes()[8:]) for file in (path, packed))
    batches = [list(pa.ipc.MessageReader.open_stream(content)) for content in (plain, other)]
    sink = pa.BufferOutputStream()
    for message in (*batches[0], batches[1][1]):
        message.serialize_to(sink)
    path.write_bytes(b"ARROW1\0\0" + sink.getvalue().to_pybytes() + b"\xff\xff\xff\xff\0\0\0\0" + b"ARROW1")
    with pytest.raises(DatasetError, match="is compressed"):
        record_batches(path)


def test_a_dictionary_is_refused(path):
    write(path, pa.RecordBatch.from_pydict({"x": pa.array(["a", "b"]).dictionary_encode()}))
    with pytest.raises(DatasetError, match="holds a dictionary"):
        record_batches(path)


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"PAR1" * 9, b"ARROW1\0\0" + b"\xff" * 40 + b"ARROW1"])
def test_what_is_no_file_of_arrows_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"no file of Arrow's|is damaged"):
        record_batches(path)


def test_a_changed_byte_is_refused_or_read(path):
    write(path, BATCH)
    whole = path.read_bytes()
    for place in range(8, 700, 7):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        with case(place), contextlib.suppress(DatasetError, pa.ArrowException, ValueError):
            for batch in record_batches(path):
                batch.validate(full=True)


def test_a_file_beyond_the_limit_is_refused(path):
    with path.open("wb") as file:
        file.truncate(ARROW_FILE_BYTES + 1)
    with pytest.raises(DatasetError, match="too large"):
        record_batches(path)


def test_a_stream_is_read_batch_by_batch(path):
    with pa.ipc.new_stream(str(path), BATCH.schema) as stream:
        stream.write_batch(BATCH)
        stream.write_batch(BATCH.slice(7))
    assert [batch.num_rows for batch in streamed_batches(path)] == [1000, 993]


def test_a_compressed_stream_is_refused(path):
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(str(path), BATCH.schema, options=options) as stream:
        stream.write_batch(BATCH)
    with pytest.raises(DatasetError, match="is compressed"):
        list(streamed_batches(path))


def test_every_cut_of_a_stream_is_an_error_of_ours_or_has_no_row(path):
    with pa.ipc.new_stream(str(path), BATCH.schema) as stream:
        stream.write_batch(BATCH)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 160, 331):
        path.write_bytes(whole[:length])
        try:
            assert sum(batch.num_rows for batch in streamed_batches(path)) == 0
        except DatasetError as error:
            assert str(path) in str(error)  # noqa: PT017


def test_names_that_are_no_text_are_an_error_of_ours(path):
    batch = pa.RecordBatch.from_pydict({"quite_long_a_name": [1]})
    with pa.ipc.new_stream(str(path), batch.schema) as stream:
        stream.write_batch(batch)
    path.write_bytes(path.read_bytes().replace(b"quite_long", b"quit\xff\xfeong"))
    with pytest.raises(DatasetError):
        list(streamed_batches(path))
