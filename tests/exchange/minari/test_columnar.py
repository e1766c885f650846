"""Minari's Arrow and Parquet: what its HDF5 gives, or refused."""

import json
import shutil
from io import BytesIO

import kinds
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sweeps import sweep

from builder.errors import DatasetError
from builder.exchange.minari import columnar
from builder.exchange.minari.reading import read

FORMATS = ("arrow", "parquet")


@pytest.fixture(scope="module")
def made(made_in):
    return {data_format: made_in("dict", data_format)[0] for data_format in FORMATS}


@pytest.fixture(params=FORMATS)
def folder(request, made, tmp_path):
    return shutil.copytree(made[request.param], tmp_path / "x-v0")


def rows_file(folder, number=0):
    return next((folder / "data" / str(number)).glob("part-0.*"))


def restate(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def changed(folder, **columns):
    """The rows of the first episode, a column given by its values or None."""
    path = rows_file(folder)
    table = pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()
    whole = {name: table[name].combine_chunks() for name in table.column_names} | columns
    table = pa.table({name: values for name, values in whole.items() if values is not None})
    path.unlink()
    if path.suffix == ".parquet":
        pq.write_table(table, path)
        return
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def refused(folder, match):
    with pytest.raises(DatasetError, match=match):
        list(read(folder, {"id": None}).trajectories())


def steps(folder):
    return json.loads((folder / "data" / "0" / "metadata.json").read_text())["total_steps"]


@sweep("data_format", FORMATS, quick=2)
@sweep("kind", kinds.KINDS)
def test_every_kind_reads_as_its_hdf5_does(kind, data_format, made_in):
    folder, hdf5 = made_in(kind, data_format)
    found, expected = read(folder, {"id": None}), read(hdf5, {"id": None})
    assert (found.spaces, found.unsaid, found.notes) == (expected.spaces, frozenset(), ())
    assert len(found.files) == 2 * 8 + 1
    for one, other in zip(found.trajectories(), expected.trajectories(), strict=True):
        for name in ("observations", "actions", "final"):
            for array, same in zip(getattr(one, name), getattr(other, name), strict=True):
                np.testing.assert_array_equal(array, same, strict=True)
        np.testing.assert_array_equal(one.rewards, other.rewards, strict=True)
        assert (one.terminated, one.truncated, one.seed) == (other.terminated, other.truncated, other.seed)


def test_images_in_jpeg_are_near_and_said_to_be(made_in):
    folder, hdf5 = made_in("image", "arrow")
    restate(folder / "data" / "metadata.json", jpeg_encoding=True)
    images = next(read(hdf5, {"id": None}).trajectories()).all_observations()[0] // 64 * 64
    packed = []
    for image in images:
        Image.fromarray(image).save(content := BytesIO(), format="JPEG", quality=95)
        packed.append(content.getvalue())
    changed(folder, observations=pa.array(packed, pa.binary()))
    found = read(folder, {"id": None})
    assert "JPEG" in found.notes[0]
    first = next(found.trajectories())
    assert first.observations[0].shape[1:] == (36, 40, 3)
    assert first.final[0].dtype == np.uint8


def test_a_seed_that_an_episode_lacks_is_unsaid(folder):
    (folder / "data" / "3" / "metadata.json").write_text(
        json.dumps({"id": 3, "total_steps": len(list(read(folder, {"id": None}).trajectories())[3])})
    )
    assert read(folder, {"id": None}).unsaid == {"seed"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"id": 1}, "not of this episode"),
        ({"total_steps": 10**6}, "row of padding"),
        ({"seed": -1}, "seed that is none"),
        ({"seed": "x"}, "seed that is none"),
    ],
    ids=["id", "steps", "negative", "text"],
)
def test_metadata_of_an_episode_that_do_not_fit_are_refused(folder, change, match):
    restate(folder / "data" / "0" / "metadata.json", **change)
    refused(folder, match)


def test_an_episode_that_the_metadata_do_not_count_is_refused(folder):
    shutil.rmtree(folder / "data" / "7")
    refused(folder, "expected 8; got 7")


def test_a_gap_among_the_episodes_is_refused(folder):
    (folder / "data" / "3").rename(folder / "data" / "9")
    refused(folder, "does not hold the episodes")


def test_a_second_file_of_rows_is_refused(folder):
    path = rows_file(folder)
    shutil.copy(path, path.with_stem("part-1"))
    refused(folder, "holds 2 files of rows")


@pytest.mark.parametrize("name", ["part-0", "metadata"])
def test_a_file_that_is_a_link_is_refused(folder, name, tmp_path):
    path = next((folder / "data" / "0").glob(f"{name}.*"))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    refused(folder, "is a link")


def test_a_folder_that_is_a_link_is_refused(folder, tmp_path):
    path = folder / "data" / "0"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    refused(folder, "is a link")


@sweep(
    ("name", "values", "match"),
    [
        ("rewards", None, "no column rewards"),
        ("rewards", lambda n: pa.array(["x"] * n), "expected numbers"),
        ("rewards", lambda n: pa.array([None] * n, pa.float64()), "lacks values"),
        ("rewards", lambda n: pa.array([1.0] * n), "row of padding"),
        ("truncations", lambda n: pa.array([True] * n), "row of padding"),
        ("terminations", lambda n: pa.array([1.0] * n), "expected booleans"),
        ("actions", lambda n: pa.array([[0.0]] * n, pa.list_(pa.float64(), 1)), "expected lists of 1 float"),
        ("actions", lambda n: pa.array([[0.0] * 2] * n, pa.list_(pa.float32(), 2)), "lists of 1 float"),
        ("actions", lambda n: pa.array([[None]] * n, pa.list_(pa.float32(), 1)), "lacks values"),
        ("observations", lambda n: pa.array([1] * n), "a part of this name"),
        ("observations", lambda n: pa.array([{"x": 1}] * n), "a part of this name"),
    ],
    ids=["none", "texts", "nulls", "full", "flag", "floats", "dtype", "size", "null", "flat", "names"],
    quick=7,
)
def test_rows_that_do_not_fit_are_refused(folder, name, values, match):
    changed(folder, **{name: values and values(steps(folder) + 1)})
    refused(folder, match)


def test_an_episode_beyond_the_limit_is_refused_before_room_is_made(folder):
    path = rows_file(folder)
    path.unlink()
    rows = columnar.ARROW_EPISODE_BYTES // 1000
    batch = pa.RecordBatch.from_pydict({"rewards": np.zeros(rows)})
    if path.suffix == ".parquet":
        pq.write_table(pa.table(batch), path)
    else:
        with pa.ipc.new_file(path, batch.schema) as writer:
            writer.write_batch(batch)
    refused(folder, "expected at most")


def test_a_file_cut_short_is_refused(folder):
    path = rows_file(folder)
    path.write_bytes(path.read_bytes()[:-20])
    refused(folder, r"cut short$")
