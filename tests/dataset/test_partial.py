"""Parquet files behind a URL, of which only what is read is brought."""

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.dataset.partial import FOOTER, bring_column, bring_group, with_footer
from builder.storage.paths import place
from builder.storage.stand_ins import forget

ROWS, EACH = 600_000, 200_000


@pytest.fixture
def table():
    return pa.table(
        {"a": pa.array(range(ROWS)), "a.b": pa.array(range(1, ROWS + 1)), "c": pa.array(range(2, ROWS + 2))}
    )


@pytest.fixture
def standing(tmp_path):
    """Called with a table: a file that stands in for its file behind a URL."""

    def write(table, **settings):
        whole = tmp_path / "whole.parquet"
        pq.write_table(table, whole, row_group_size=EACH, use_dictionary=False, **settings)
        fsspec.filesystem("memory").store.clear()
        there = place("memory://shelf/x/t.parquet")
        there.upload(whole)
        with_footer(tmp_path / "t.parquet", there, whole.stat().st_size)
        return tmp_path / "t.parquet"

    yield write
    forget(tmp_path)


def holds(path):
    """How many of the bytes are not 0."""
    return sum(byte != 0 for byte in path.read_bytes())


def test_a_footer_says_what_the_file_holds(standing, table):
    found = pq.read_metadata(standing(table))
    assert (found.num_rows, found.num_row_groups) == (ROWS, 3)


def test_a_footer_is_brought_whole_however_long_it_is(standing):
    wide = pa.table({f"column_{number:04d}": [number] for number in range(1000)})
    path = standing(wide)
    assert pq.read_metadata(path).serialized_size > FOOTER
    assert pq.read_metadata(path).num_columns == 1000


def test_a_row_group_is_read_once_it_was_brought_and_not_before(standing, table):
    path = standing(table)
    with pytest.raises((OSError, pa.ArrowException)):
        pq.ParquetFile(path).read_row_group(1)
    bring_group(path, 1)
    assert pq.ParquetFile(path).read_row_group(1) == table.slice(EACH, EACH)
    with pytest.raises((OSError, pa.ArrowException)):
        pq.ParquetFile(path).read_row_group(2)


def test_of_columns_that_are_not_named_nothing_is_brought(standing, table):
    path = standing(table)
    before = holds(path)
    bring_group(path, 0, ["c"])
    assert pq.ParquetFile(path).read_row_group(0, columns=["c"]) == table.select(["c"]).slice(0, EACH)
    assert holds(path) - before < path.stat().st_size / 8


def test_a_column_is_brought_of_all_row_groups(standing, table, tmp_path):
    path = standing(table)
    bring_column([path, tmp_path / "whole.parquet"], "a.b")
    assert pq.ParquetFile(path).read(["a.b"]) == table.select(["a.b"])


def test_a_file_that_is_here_needs_nothing(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet")
    before = (tmp_path / "t.parquet").read_bytes()
    bring_group(tmp_path / "t.parquet", 0)
    bring_column([tmp_path / "t.parquet"], "a")
    assert (tmp_path / "t.parquet").read_bytes() == before
