"""What of a dataset folder is opened: what its manifest lists, inside it, as it was written."""

import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.dataset.shards import shards
from builder.errors import DatasetError
from builder.manifest.manifest import MANIFEST, read_manifest
from builder.storage.limits import PARQUET_FOOTER_BYTES, PARQUET_GROUP_ROWS
from builder.verify.files import check_files

STEPS = "data/train-00000-of-00001.parquet"


@pytest.fixture
def folder(two_episodes, tmp_path):
    return shutil.copytree(two_episodes, tmp_path / "x")


def found(folder, **options):
    return shards(folder, read_manifest(folder), "transitions", "train", **options)


def test_a_file_that_nobody_listed_is_not_opened(folder):
    shutil.copy(folder / STEPS, folder / "data/train-00001-of-00002.parquet")
    shutil.copy(folder / STEPS, folder / "data/train-more.parquet")
    assert found(folder) == [folder / STEPS]


def test_a_split_of_which_nothing_is_listed_has_no_files(folder):
    with pytest.raises(DatasetError, match="lists no episodes of the split 'test'"):
        shards(folder, read_manifest(folder), "episodes", "test")


def elsewhere(folder):
    outside = folder.parent / "outside.parquet"
    shutil.move(folder / STEPS, outside)
    return outside


@pytest.mark.parametrize(
    "lead",
    [
        lambda folder: (folder / STEPS).symlink_to(elsewhere(folder)),
        lambda folder: (folder / STEPS).symlink_to(f"../../{elsewhere(folder).name}"),
        lambda folder: (
            shutil.move(folder / "data", folder.parent / "d"),
            (folder / "data").symlink_to("../d"),
        ),
        lambda folder: (elsewhere(folder), (folder / STEPS).symlink_to("/dev/zero")),
        lambda folder: (elsewhere(folder), (folder / STEPS).symlink_to(folder / STEPS)),
        lambda folder: (elsewhere(folder), os.mkfifo(folder / STEPS)),
        elsewhere,
    ],
    ids=["absolute", "relative", "a folder", "a device", "itself", "a pipe", "nothing"],
)
def test_what_leads_out_of_the_folder_or_is_no_file_is_refused_unopened(folder, lead):
    manifest = read_manifest(folder)
    lead(folder)
    with pytest.raises(
        DatasetError, match=r"leads out of|not a regular file|is missing, or a link to nowhere"
    ):
        found(folder)
    assert check_files(folder, manifest).difference is not None


def test_the_manifest_itself_is_no_link_to_elsewhere(folder):
    shutil.move(folder / MANIFEST, folder.parent / "theirs.json")
    (folder / MANIFEST).symlink_to("../theirs.json")
    with pytest.raises(DatasetError, match="is a link that leads out of the dataset"):
        read_manifest(folder)


def test_a_folder_behind_a_link_is_not_in_the_manifest(folder):
    (folder.parent / "more").mkdir()
    (folder / "more").symlink_to("../more")
    assert str(check_files(folder, read_manifest(folder)).difference) == "file more, not in the manifest"


def test_links_inside_the_folder_and_to_the_blobs_of_a_cache_are_followed(folder, tmp_path):
    shutil.move(folder / STEPS, folder / "kept.parquet")
    (folder / STEPS).symlink_to("../kept.parquet")
    assert found(folder, hashed=True) == [folder / STEPS]
    cache = tmp_path / "datasets--user--name"
    (cache / "blobs").mkdir(parents=True)
    snapshot = shutil.copytree(folder, cache / "snapshots" / ("0" * 40))
    shutil.move(snapshot / STEPS, cache / "blobs" / "1")
    (snapshot / STEPS).symlink_to("../../../blobs/1")
    assert found(snapshot, hashed=True) == [snapshot / STEPS]


def test_other_bytes_of_the_same_size_are_noticed(folder):
    assert found(folder, hashed=True) == [folder / STEPS]
    content = bytearray((folder / STEPS).read_bytes())
    content[100] ^= 1
    (folder / STEPS).write_bytes(content)
    with pytest.raises(DatasetError, match="is not what the manifest says; expected sha256"):
        found(folder, hashed=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no Parquet file, or cut short"),
        (b"PAR1", "no Parquet file, or cut short"),
        (b"x" * 100, "no Parquet file, or cut short"),
        (b"\0" * 8 + b"PAR1", "cannot be read"),
        (b"PAR1" + (PARQUET_FOOTER_BYTES + 1).to_bytes(4, "little") + b"PAR1", "a footer of 16777217 bytes"),
    ],
    ids=["empty", "a magic number", "text", "no footer", "a huge footer"],
)
def test_what_is_no_parquet_file_is_refused(folder, content, message):
    (folder / STEPS).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        found(folder)


def test_a_row_group_larger_than_any_is_refused_before_it_is_read(folder):
    """A million zeros are a few bytes in the file, and as many gigabytes as there are columns in memory."""
    zeros = pa.table({"reward": np.zeros(PARQUET_GROUP_ROWS + 1)})
    pq.write_table(zeros, folder / STEPS, row_group_size=1 << 30)
    with pytest.raises(DatasetError, match="has a part of 1048577 rows; expected at most 1048576"):
        found(folder)
    one = pa.array(np.zeros(1 << 20))
    many = {f"c{index}": one for index in range(40)}
    pq.write_table(pa.table(many), folder / STEPS, row_group_size=1 << 20)
    with pytest.raises(DatasetError, match=r"has a part of \d+ bytes; expected at most"):
        found(folder)
