"""The files of a folder of TensorFlow Datasets: which they are, and what is refused."""

import json
import struct

import extras
import pytest

from builder.errors import DatasetError
from builder.exchange.rlds.files import Shard, described, records, shards

INFO = {
    "name": "x",
    "fileFormat": "tfrecord",
    "splits": [
        {"name": "test", "shardLengths": ["1"]},
        {"name": "train", "shardLengths": ["2", "1"]},
    ],
}
NAMES = (
    "x-test.tfrecord-00000-of-00001",
    "x-train.tfrecord-00000-of-00002",
    "x-train.tfrecord-00001-of-00002",
)


@pytest.fixture
def folder(tmp_path):
    for name, count in zip(NAMES, (1, 2, 1), strict=True):
        (tmp_path / name).write_bytes(framed(b"abc") * count)
    return tmp_path


def framed(content):
    return struct.pack("<QI", len(content), 0) + content + bytes(4)


def with_split(**changes):
    return {**INFO, "splits": [{"name": "test", "shardLengths": ["1"], **changes}]}


def test_files_are_named_as_usual_and_those_of_test_come_last(folder):
    found = shards(folder, INFO)
    assert [(shard.path.name, shard.records) for shard in found] == [
        (NAMES[1], 2),
        (NAMES[2], 1),
        (NAMES[0], 1),
    ]
    assert [list(records(shard)) for shard in found] == [[b"abc"] * 2, [b"abc"], [b"abc"]]


@pytest.mark.parametrize("template", ["../x", "/etc/passwd", "a/{SPLIT}", ".."])
def test_a_file_elsewhere_is_refused(template, folder):
    with pytest.raises(DatasetError, match=r"names a file elsewhere|is no file"):
        shards(folder, with_split(filepathTemplate=template))


def test_a_link_is_refused(folder):
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0]).symlink_to(folder / NAMES[1])
    with pytest.raises(DatasetError, match="is no file, or a link"):
        shards(folder, INFO)


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ({**INFO, "fileFormat": "riegeli"}, "keeps its records as riegeli"),
        ({**INFO, "splits": []}, "says no splits"),
        ({**INFO, "splits": ["train"]}, "says no splits"),
        (with_split(shardLengths=["-1"]), "whole numbers"),
        (with_split(shardLengths=["99999999999"]), "too many episodes"),
        (with_split(shardLengths=["0"] * 50_001), "too many files"),
    ],
)
def test_what_no_folder_has_is_named(info, text, folder):
    with pytest.raises(DatasetError, match=text):
        shards(folder, info)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (framed(b"abc")[:-1], "ends within a record"),
        (framed(b"abc")[:5], "ends within a record"),
        (struct.pack("<QI", 2**40, 0), "too large"),
        (struct.pack("<QI", 2**30, 0), "ends within a record"),
        (framed(b"a") * 2, "expected 1 episodes"),
        (b"", "expected 1 episodes"),
    ],
)
def test_a_damaged_file_of_tfrecord_is_named(content, text, folder):
    path = folder / NAMES[0]
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=text):
        list(records(Shard(path, "test", 1)))


@pytest.mark.parametrize("content", [b"", b"junk" * 99, bytes(1 << 17)])
def test_a_file_that_is_no_array_record_is_named(content, tmp_path):
    extras.rlds()
    path = tmp_path / "x-train.array_record-00000"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"is damaged|expected 1 episodes"):
        list(records(Shard(path, "train", 1)))


def test_metadata_that_are_none_are_named(tmp_path):
    for content in ("", "[]", json.dumps([INFO])):
        (tmp_path / "dataset_info.json").write_text(content)
        with pytest.raises(DatasetError, match=r"cannot be read|a JSON object"):
            described(tmp_path / "dataset_info.json")
    with pytest.raises(DatasetError, match="is no file"):
        described(tmp_path / "features.json")
