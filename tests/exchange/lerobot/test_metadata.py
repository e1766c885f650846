"""What a stranger's `meta/` says is bounded and checked before it is believed."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import DatasetError
from builder.exchange.lerobot.metadata import read_lines, read_metadata, read_tasks

INFO = {
    "codebase_version": "v3.0",
    "fps": 10,
    "features": {"action": {"dtype": "float32", "shape": [2], "names": ["x", "y"]}},
    "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "splits": {"train": "0:1", "val": "1:2"},
}
LINE = {"episode_index": 0, "length": 3, "data/chunk_index": 0, "data/file_index": 1}


def folder(place, info=INFO, lines=(LINE,)):
    (place / "meta/episodes/chunk-000").mkdir(parents=True, exist_ok=True)
    (place / "meta/info.json").write_text(info if isinstance(info, str) else json.dumps(info))
    pq.write_table(pa.Table.from_pylist(list(lines)), place / "meta/episodes/chunk-000/file-000.parquet")
    return place


def test_what_is_said_is_read(tmp_path):
    found = read_metadata(folder(tmp_path))
    assert (found.version, found.fps, found.features["action"].shape) == (3, 10, (2,))
    assert [found.split_of(index) for index in range(3)] == ["train", "test", "train"]
    (line,) = read_lines(found, ("seed",))
    assert (line.index, line.length, line.file) == (0, 3, "data/chunk-000/file-001.parquet")
    assert read_tasks(found) == ([], ())


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ("{", "is damaged"),
        ("[1]", "v2.0, v2.1 or v3.0"),
        (INFO | {"codebase_version": "v1.6"}, "v2.0, v2.1 or v3.0"),
        (INFO | {"features": [1]}, "is damaged"),
        (INFO | {"features": {"a": {"dtype": "float32", "shape": [1 << 20, 1 << 20]}}}, "is damaged"),
        (INFO | {"features": {"a": {"dtype": "float32", "shape": [-1]}}}, "is damaged"),
        (INFO | {"splits": {"train": "0-5"}}, "is damaged"),
    ],
    ids=["no JSON", "no object", "version", "features", "shape", "negative", "splits"],
)
def test_damaged_information_is_one_line(tmp_path, info, text):
    with pytest.raises(DatasetError, match=text):
        read_metadata(folder(tmp_path, info))


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([LINE | {"length": 0}], "damaged"),
        ([LINE | {"length": 1 << 40}], "damaged"),
        ([LINE | {"data/file_index": -1}], "damaged"),
        ([{"episode_index": 0}], "damaged"),
        ([LINE, LINE], "twice"),
    ],
    ids=["no steps", "too many steps", "negative", "no length", "twice"],
)
def test_damaged_episodes_are_one_line(tmp_path, lines, text):
    with pytest.raises(DatasetError, match=text):
        read_lines(read_metadata(folder(tmp_path, lines=lines)), ())


def test_a_template_reads_nothing_but_its_numbers(tmp_path):
    odd = INFO | {"data_path": "{chunk_index.__class__}-{file_index:03d}"}
    (line,) = read_lines(read_metadata(folder(tmp_path, odd)), ())
    assert line.file == "{chunk_index.__class__}-001"
    with pytest.raises(DatasetError, match="damaged"):
        read_lines(read_metadata(folder(tmp_path, INFO | {"data_path": "{secret}"})), ())


def test_a_path_out_of_the_folder_is_refused(tmp_path):
    from builder.exchange.lerobot.metadata import open_parquet

    pq.write_table(pa.table({"a": [1]}), tmp_path / "outside.parquet")
    with pytest.raises(DatasetError, match="leads out"):
        open_parquet(folder(tmp_path / "in"), "../outside.parquet")
