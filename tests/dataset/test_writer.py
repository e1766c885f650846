import json
import signal
import threading
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features
from datasets.config import DEFAULT_CDC_OPTIONS
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from table_features import as_datasets, transition_features

from builder.dataset import images, schema, writer
from builder.dataset.features import arrow_schema, image, sequence, shaped, value
from builder.dataset.writer import CHUNKING, SETTINGS, Packing, Shard, ShardWriter
from builder.errors import DatasetError, StorageError
from builder.versions import DATA_FORMAT, OLDER_FORMATS

COLUMNS = {
    "index": value("int64"),
    "vector": sequence("float32", 3),
    "grid": shaped("float64", (2, 2)),
    "nested": {"flag": value("bool"), "view": image()},
    "policy": value("string"),
}
SCHEMA = arrow_schema(COLUMNS)
GROUP = 8
ZSTD_FRAME = b"\x28\xb5\x2f\xfd"


def make_rows(count):
    rng = np.random.default_rng(0)
    grid = spaces.Box(-np.inf, np.inf, (2, 2), np.float64)
    vector = spaces.Box(-np.inf, np.inf, (3,), np.float32)
    view = rng.integers(0, 256, (count, 2, 2, 3)).astype(np.uint8)
    flag = pa.array(rng.random(count) < 0.5)
    columns = [
        pa.array(np.arange(count)),
        schema.to_arrow(vector, [rng.random((count, 3)).astype(np.float32)]),
        schema.to_arrow(grid, [rng.random((count, 2, 2))]),
        pa.StructArray.from_arrays([flag, images.encode(view)], names=["flag", "view"]),
        pa.array([f"expert-{index % 3}" for index in range(count)]),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


ROWS = make_rows(100)


def write(folder, tables, *, split="train", table_schema=SCHEMA, most_rows=GROUP, **options):
    packing = Packing(most_rows=most_rows, **options)
    with ShardWriter(Path(folder), split, schema=table_schema, packing=packing) as out:
        for table in tables:
            out.write(table)
    return out.shards


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def copied(table):
    """The same rows in memory of their own, as a reader gives them."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return pq.read_table(pa.BufferReader(sink.getvalue()))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write(folder, [ROWS], shard_size=3000)
    return contents(folder)


@pytest.mark.slow
@given(st.lists(st.integers(0, 100), max_size=12), st.booleans())
@settings(max_examples=40)
def test_the_bytes_do_not_depend_on_how_the_rows_are_cut_into_tables(whole, cuts, own_memory):
    edges = [0, *sorted(cuts), 100]
    tables = [ROWS.slice(start, end - start) for start, end in pairwise(edges)]
    with TemporaryDirectory() as folder:
        write(folder, [copied(table) for table in tables] if own_memory else tables, shard_size=3000)
        assert contents(folder) == whole


def wide_rows(start, count):
    """Rows of which 4,000 fill a page."""
    values = np.sin(np.arange(start * 64, (start + count) * 64)).astype(np.float32)
    observation = pa.FixedSizeListArray.from_arrays(pa.array(values), 64)
    return pa.table({"index": np.arange(start, start + count) // 500, "observation": observation})


def test_the_bytes_do_not_depend_on_the_cuts_where_a_row_group_has_many_pages(tmp_path):
    found = []
    for name, step in (("whole", 40_000), ("thirds", 13_334), ("episodes", 499)):
        (tmp_path / name).mkdir()
        tables = [wide_rows(start, min(step, 40_000 - start)) for start in range(0, 40_000, step)]
        write(tmp_path / name, tables, table_schema=tables[0].schema, most_rows=16_384)
        found.append(contents(tmp_path / name))
    assert found[0] == found[1] == found[2]


def pages_kept(folder, data_format):
    """The share of a file's bytes whose pages are there again once a few rows near its start are left out."""
    found = []
    for name, rows in (("all", wide_rows(0, 40_000)), ("fewer", None)):
        (folder / name).mkdir()
        table = pa.concat_tables([wide_rows(0, 5000), wide_rows(5100, 34_900)]) if rows is None else rows
        write(folder / name, [table], table_schema=table.schema, most_rows=16_384, data_format=data_format)
        (content,) = contents(folder / name).values()
        found.append(content.split(ZSTD_FRAME))
    before, after = set(found[0]), found[1]
    return sum(len(page) for page in after if page in before) / sum(map(len, after))


@pytest.mark.slow
def test_pages_after_rows_that_are_left_out_stay_the_same(tmp_path):
    shares = {}
    for data_format in SETTINGS:
        (tmp_path / data_format).mkdir()
        shares[data_format] = pages_kept(tmp_path / data_format, data_format)
    assert shares["0.1.0"] < 0.2
    assert shares[DATA_FORMAT] > 0.5


def test_a_file_says_how_its_pages_are_cut_as_those_of_datasets_do(tmp_path):
    expected = {"0.1.0": None, DATA_FORMAT: json.dumps(DEFAULT_CDC_OPTIONS).encode()}
    for data_format, said in expected.items():
        (shard,) = write(tmp_path, [ROWS], data_format=data_format)
        metadata = pq.read_metadata(tmp_path / shard.name)
        assert metadata.metadata.get(CHUNKING.encode()) == said
        assert metadata.row_group(0).column(0).has_offset_index


def test_every_format_has_its_settings():
    assert tuple(SETTINGS) == (*OLDER_FORMATS, DATA_FORMAT)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path):
    peaks, rows = [], 300
    start = pa.total_allocated_bytes()

    def tables():
        for index in range(300):
            yield copied(wide_rows(index * rows, rows))
            peaks.append(pa.total_allocated_bytes() - start)

    write(tmp_path, tables(), table_schema=wide_rows(0, 1).schema, shard_size=10**7, most_rows=1024)
    row_group = 1024 * (8 + 64 * 4)
    assert max(peaks) <= 15 * row_group  # of 88: the writer frees some of its buffers in its own time


def test_all_rows_come_back_in_order(tmp_path):
    shards = write(tmp_path, [ROWS], shard_size=3000)
    assert pa.concat_tables([pq.read_table(tmp_path / shard.name) for shard in shards]).equals(ROWS)


def test_row_groups_have_a_fixed_number_of_rows(tmp_path):
    (shard,) = write(tmp_path, [ROWS.slice(0, 3), ROWS.slice(3, 17), ROWS.slice(20, 1)])
    metadata = pq.read_metadata(tmp_path / shard.name)
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [8, 8, 5]


def test_a_shard_ends_with_the_row_group_that_reaches_its_size(tmp_path):
    layout = pa.schema([("value", pa.float64())])
    table = pa.table({"value": np.arange(70.0)}, schema=layout)
    group_bytes = GROUP * 8
    assert write(tmp_path, [table], table_schema=layout, shard_size=3 * group_bytes) == (
        Shard("train-00000-of-00003.parquet", 24),
        Shard("train-00001-of-00003.parquet", 24),
        Shard("train-00002-of-00003.parquet", 22),
    )
    assert sorted(contents(tmp_path)) == [f"train-{index:05d}-of-00003.parquet" for index in range(3)]
    (tmp_path / "more").mkdir()
    sizes = [
        shard.rows
        for shard in write(tmp_path / "more", [table], table_schema=layout, shard_size=3 * group_bytes + 1)
    ]
    assert sizes == [32, 32, 6]


def test_a_shard_that_is_full_at_the_end_is_not_followed_by_an_empty_one(tmp_path):
    assert write(tmp_path, [ROWS.slice(0, 16)], shard_size=1) == (
        Shard("train-00000-of-00002.parquet", 8),
        Shard("train-00001-of-00002.parquet", 8),
    )


def test_a_split_without_rows_writes_nothing(tmp_path):
    assert write(tmp_path, []) == ()
    assert write(tmp_path, [ROWS.slice(0, 0)]) == ()
    assert contents(tmp_path) == {}


def broken(folder, error):
    """Tables that fail in the middle."""
    yield ROWS
    assert len(list(folder.glob(".*.partial"))) in {11, 12}  # the last may be on its way
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_nothing(tmp_path, error):
    with pytest.raises(error):
        write(tmp_path, broken(tmp_path, error), shard_size=1)
    assert contents(tmp_path) == {}


class Slow(ShardWriter):
    """Takes its time to begin."""

    def _encode(self, group):
        time.sleep(0.2)
        super()._encode(group)


def interrupt(*_):
    raise KeyboardInterrupt


def test_an_interrupt_while_rows_are_encoded_leaves_nothing_and_no_thread(tmp_path):
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            Slow(tmp_path, "train", schema=SCHEMA, packing=Packing(1, GROUP)) as out,
        ):
            out.write(ROWS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert contents(tmp_path) == {}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("parquet")]


def test_no_file_has_its_final_name_before_the_block_ends(tmp_path):
    with ShardWriter(tmp_path, "train", schema=SCHEMA, packing=Packing(1, GROUP)) as out:
        out.write(ROWS)
        assert not list(tmp_path.glob("*.parquet"))
    assert len(list(tmp_path.glob("*.parquet"))) == 13


def test_a_failed_write_keeps_the_files_that_were_there(tmp_path):
    write(tmp_path, [ROWS], shard_size=1)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="stop"):
        write(tmp_path, broken(tmp_path, ValueError("stop")), shard_size=1)
    assert contents(tmp_path) == before


def test_a_file_that_cannot_be_renamed_leaves_none_of_the_others(tmp_path):
    blocked = tmp_path / "train-00001-of-00002.parquet"
    blocked.mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        write(tmp_path, [ROWS.slice(0, 16)], shard_size=1)
    assert list(tmp_path.iterdir()) == [blocked]


@pytest.mark.parametrize("rows", [5, 100])
def test_a_full_disk_is_a_storage_error_with_its_remedy(tmp_path, rows):
    (tmp_path / ".train-00000.partial").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"is full.*free some space") as caught:
        write(tmp_path, [ROWS.slice(0, rows)])
    assert isinstance(caught.value.__cause__, OSError)
    assert contents(tmp_path) == {}


def test_a_folder_that_is_missing_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        write(tmp_path / "missing", [ROWS])


def test_rows_with_other_columns_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="do not fit its schema"):
        write(tmp_path, [ROWS, ROWS.drop_columns(["policy"])])
    assert contents(tmp_path) == {}


def test_the_schema_carries_the_features(tmp_path):
    (shard,) = write(tmp_path, [ROWS])
    read = pq.read_schema(tmp_path / shard.name)
    assert read.metadata == SCHEMA.metadata
    assert Features.from_arrow_schema(read) == as_datasets(COLUMNS)


def test_encodings_and_compression_are_as_chosen(tmp_path):
    (shard,) = write(tmp_path, [ROWS])
    group = pq.read_metadata(tmp_path / shard.name).row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}
    assert {column.path_in_schema for column in columns if "BYTE_STREAM_SPLIT" in column.encodings} == {
        "vector.list.element",
        "grid.list.element.list.element",
    }
    assert {column.path_in_schema for column in columns if not column.has_dictionary_page} == {
        "vector.list.element",
        "grid.list.element.list.element",
        "nested.flag",  # a bool is a bit already
        "nested.view.bytes",
    }
    assert [column.path_in_schema for column in columns if not column.is_stats_set] == ["nested.view.bytes"]


@pytest.mark.parametrize(
    ("observation_space", "rows"),
    [
        (spaces.Box(-1, 1, (4,), np.float32), 65_536),  # 66 bytes: capped
        (spaces.Box(-1, 1, (28, 28), np.float64), 1024),  # 12.6 kB
        (spaces.Box(-1, 1, (1024, 1024), np.float64), 1),  # 16.8 MB
        (spaces.Box(0, 255, (210, 160, 3), np.uint8), 256),  # two images
    ],
)
def test_a_row_group_is_a_power_of_two_of_rows_near_16_mib(observation_space, rows):
    columns = transition_features(observation_space, spaces.Discrete(2), next_observation=True)
    assert writer.row_group_rows(arrow_schema(columns)) == rows


def test_the_size_of_rows_counts_their_values_alone():
    pngs = sum(len(png) for png in ROWS["nested"].combine_chunks().field("view").field("bytes").to_pylist())
    names = 100 * len("expert-0")
    expected = 100 * (8 + 3 * 4 + 4 * 8) + pngs + names + 100 // 8
    assert writer.uncompressed_size(ROWS) == expected
    assert writer.uncompressed_size(copied(ROWS)) == expected
    assert writer.uncompressed_size(pa.concat_tables([make_rows(9), ROWS]).slice(9)) == expected
