"""What the pages of a Parquet file unpack to is known before one is unpacked."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sweeps import case, sweep

from builder.dataset.pages import PageError, check_footer, column_pages, group_size

ROWS = 70
TEXT = "x" * 1000


def written(path, array, **settings):
    pq.write_table(pa.table({"a": array}), path, **{"compression": "zstd", **settings})
    return path


def size(path):
    return group_size(path, pq.read_metadata(path), 0)


def patched(path, what, other):
    """The file with other bytes, as many, in its first page header."""
    content = path.read_bytes()
    assert len(what) == len(other)
    at = content.index(what, 4)
    path.write_bytes(content[:at] + other + content[at + len(what) :])
    return path


def zigzag(number):
    """A number as Thrift's compact protocol has it."""
    number, found = number << 1, b""
    while number > 0x7F:
        found, number = found + bytes([number & 0x7F | 0x80]), number >> 7
    return found + bytes([number])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.parquet"


@sweep("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("array", "least"),
    [
        (pa.array(np.arange(100_000.0)), 800_000),
        (pa.array([7] * 100_000, pa.int64()), 800_000),
        (pa.array([[1.5] * 100] * 1000), 800_000),
        (pa.array([True, None] * 1000), 2000),
        (pa.array([{"bytes": b"\x89PNG" * 100, "path": None}] * 100), 40_000),
        (pa.array([TEXT, "y", None] * 100), 100_100),
        (pa.array([b"0123456789abcdef"] * 100, pa.binary(16)), 1600),
    ],
    ids=["floats", "equal numbers", "lists", "booleans", "structs", "texts", "fixed"],
)
def test_a_row_group_takes_at_least_its_values(path, version, array, least):
    settings = {"use_dictionary": array.type.id != pa.lib.Type_STRUCT}
    assert least <= size(written(path, array, data_page_version=version, **settings)) <= 4 * least


def test_a_text_counts_as_often_as_it_is_there(path):
    """A text of a megabyte in 60,000 rows is a megabyte in the file, and sixty gigabytes in memory."""
    text = pa.DictionaryArray.from_arrays(np.zeros(60_000, np.int32), ["x" * 10**6])
    written(path, text, dictionary_pagesize_limit=1 << 21, store_schema=False)
    assert path.stat().st_size < 10_000
    assert size(path) > 60_000 * 10**6


def test_texts_in_lists_count_as_if_each_were_the_longest(path):
    written(path, pa.array([[TEXT] * 10] * 1000))
    assert size(path) > 10_000 * len(TEXT)


def test_values_of_fixed_size_count_whole(path):
    written(path, pa.array([b"\0" * 4096] * 1000, pa.binary(4096)))
    assert path.stat().st_size < 20_000
    assert size(path) >= 1000 * 4096


def test_texts_that_are_the_beginning_of_others_are_refused(path):
    settings = {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}
    written(path, pa.array([TEXT] * ROWS), **settings)
    with pytest.raises(PageError, match=r"an encoding that no build uses \(7\)"):
        size(path)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_page_that_says_it_has_more_values_is_refused(path, version):
    settings = {"data_page_version": version, "use_dictionary": False}
    written(path, pa.array([[0] * ROWS]), **settings)
    field = b"\x15"  # the first field of a struct, an integer
    patched(path, field + zigzag(ROWS), field + zigzag(8000))
    with pytest.raises(PageError, match="pages of 8000 values, where the footer says 70"):
        size(path)


def test_a_page_that_says_it_unpacks_to_more_is_refused(path):
    written(path, pa.array(np.zeros(10_000)), use_dictionary=False)
    field = b"\x15\x00\x15"  # a data page, and its size
    patched(path, field + zigzag(80_000 + 8), field + zigzag(1 << 19))
    with pytest.raises(PageError, match="pages of 524288 bytes, where the footer says 8"):
        size(path)


def pages_of(content, **facts):
    class Chunk:
        data_page_offset, total_compressed_size, num_values = 0, len(content), 1
        total_uncompressed_size, has_dictionary_page, dictionary_page_offset = 100, False, None

    for name, value in facts.items():
        setattr(Chunk, name, value)
    return column_pages(content, Chunk)


ONE = b"\x15\x00\x15\x00\x15\x00\x2c\x15\x02\x15\x00\x00\x00"
"""A page of one value, and no bytes."""


def test_the_smallest_page_is_read():
    assert pages_of(ONE).unpacked == 0


MEANINGLESS = [
    (ONE[:-2], {}, "cut short"),
    (ONE, {"data_page_offset": -1}, "outside the file"),
    (ONE, {"total_compressed_size": 14}, "outside the file"),
    (ONE, {"num_values": 2}, "pages of 1 values, where the footer says 2"),
    (b"\x15\x00\x15\x01\x15\x00\x00", {}, "without a size"),
    (b"\x15\x00\x15\x00\x15\x00\x00", {}, "without a number of values"),
    (b"\x15\x00\x15\x00\x15\x00\x2c\x15\x01\x00\x00", {}, "without a number of values"),
    (b"\x15\x00\x05\x02\x00", {}, "the header of a page: it says the same twice"),
]


def test_a_header_that_means_nothing_is_refused_by_name():
    for content, facts, message in MEANINGLESS:
        with case(content, facts, message), pytest.raises(PageError, match=message):
            pages_of(content, **facts)


def relabelled(path, change):
    """The file with another footer, written anew from what was read of it."""
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = change(content[start:-8])
    path.write_bytes(content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def test_an_honest_footer_passes(path):
    written(path, pa.array([TEXT] * ROWS))
    check_footer(path, pq.read_metadata(path))


def footer_of(chunk):
    """A footer with one row group of one column, and nothing else."""
    return b"\x49\x1c\x19\x1c" + chunk + b"\x00" * 3


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (b"\x3c\x0c\x20\x39\x36\x00\x00\x00\x00\x00", "levels of a that it does not have"),
        (b"\x3c\x0c\x20\x29\x26\x00\x00\x00\x00", "levels of a that it does not have"),
        (b"\x3c\x0c\x20\x35\x02\x00\x00", "levels of a that it does not have"),
        (b"\x3c\x0c\x20\x16\x02\x00\x00", "texts in a, which has none"),
        (b"\x3c\x05\x20\x02\x00", "sizes of a that are none"),
        (b"\x3c\x0c\x22\x00\x00", "the column a is stored as no build does"),
        (b"\x3c\x00\x5c\x00", "the column a is stored as no build does"),
        (b"\x3c\x00\x68\x01x", "the column a is stored as no build does"),
        (b"", "the column a is stored as no build does"),
    ],
    ids=[
        "definition",
        "repetition",
        "no list",
        "texts",
        "no sizes",
        "places",
        "encrypted",
        "hidden",
        "nothing",
    ],
)
def test_what_pyarrow_would_abort_at_is_refused(path, chunk, message):
    """It looks at such a column of a row group without catching the error, which ends the process."""
    written(path, pa.array(range(ROWS)))
    metadata = pq.read_metadata(path)
    relabelled(path, lambda _: footer_of(chunk))
    with pytest.raises(PageError, match=message):
        check_footer(path, metadata)


def test_counts_of_the_levels_that_a_column_has_pass(path):
    written(path, pa.array(range(ROWS)))
    metadata = pq.read_metadata(path)
    relabelled(path, lambda _: footer_of(b"\x3c\x0c\x20\x29\x16\x00\x19\x26\x00\x8c\x01\x00\x00"))
    check_footer(path, metadata)


def test_a_row_group_with_fewer_columns_is_refused(path, tmp_path):
    written(path, pa.array(range(ROWS)))
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "two.parquet")
    with pytest.raises(PageError, match="a row group of 1 columns, where the file has 2"):
        check_footer(path, pq.read_metadata(tmp_path / "two.parquet"))


def test_a_footer_without_row_groups_is_refused(path):
    written(path, pa.array(range(ROWS)))
    metadata = pq.read_metadata(path)
    for footer, message in ((b"\x00", "without its row groups"), (b"\x15", "its footer: it is cut short")):
        relabelled(path, lambda _, footer=footer: footer)
        with pytest.raises(PageError, match=message):
            check_footer(path, metadata)
