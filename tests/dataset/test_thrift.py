"""Structs as the footer and the pages of a Parquet file have them."""

import pytest
from sweeps import sweep

from builder.dataset.thrift import ThriftError, read_struct
from builder.storage.limits import PARQUET_FOOTER_VALUES


def read(content):
    return read_struct(content, 0, len(content))


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"\x00", {}),
        (b"\x15\x0d\x16\x02\x00", {1: -7, 2: 1}),
        (b"\x05\x28\x02\x00", {20: 1}),
        (b"\x11\x12\x00", {1: True, 2: False}),
        (b"\x18\x03abc\x17" + b"\0" * 8 + b"\x00", {1: None, 2: None}),
        (b"\x1c\x15\x02\x00\x00", {1: {1: 1}}),
        (b"\x19\x26\x02\x04\x19\x12\x01\x00", {1: [1, 2], 2: [None]}),
        (b"\x19\xf6\x01\x02\x00", {1: [1]}),
    ],
    ids=["nothing", "numbers", "a far field", "booleans", "skipped", "a struct", "lists", "a long list"],
)
def test_fields_are_read_by_their_numbers(content, fields):
    assert read(content) == (fields, len(content))


@sweep(
    ("content", "message"),
    [
        (b"", "it is cut short"),
        (b"\x15", "it is cut short"),
        (b"\x18\xff\xff\xff\xff\x0f", "it is cut short"),
        (b"\x15\x00\x05\x02\x00", "it says the same twice"),
        (b"\x15" + b"\x80" * 10 + b"\x00", "more than 64 bits"),
        (b"\x15" + b"\xff" * 5 + b"\x01", "more than 32 bits"),
        (b"\x1b\x00", "a field of kind 11"),
        (b"\x1c" * 100, "a field of kind 12"),
        (b"\x19" * 100, "a field of kind 9"),
        (b"\x19\xfc\xff\xff\xff\x07" + bytes(PARQUET_FOOTER_VALUES + 1), "too many values"),
    ],
    quick=9,
)
def test_what_no_parquet_file_has_is_refused_by_name(content, message):
    with pytest.raises(ThriftError, match=message):
        read(content)
