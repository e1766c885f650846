"""npz files of strangers: only plain numbers are read, and never more than the file can hold."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from builder.errors import DatasetError
from builder.exchange.npz import reading, writing


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.npz"


def read_all(path):
    with reading(path) as file:
        return {name: file.read(name) for name in file.names()}


def refused(path, match):
    with pytest.raises(DatasetError, match=match):
        read_all(path)


def header(shape, descr="<f8", order=False):
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": descr, "fortran_order": order, "shape": shape})
    return content.getvalue()


def put(path, content, name="a.npy", method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(save, path):
    arrays = {
        "rows": np.arange(6, dtype=">i4").reshape(3, 2),
        "columns": np.asfortranarray(np.arange(6.0).reshape(3, 2)),
        "one": np.array(7),
        "flags": np.array([True, False]),
    }
    save(path, **arrays)
    found = read_all(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype.isnative


def test_rows_are_taken_one_piece_after_the_other(path):
    np.savez_compressed(path, a=np.arange(10), b=np.asfortranarray(np.arange(20.0).reshape(10, 2)))
    with reading(path) as file, file.rows("a") as plain, file.rows("b") as columns:
        assert plain.take(3).tolist() == [0, 1, 2]
        assert columns.take(1).tolist() == [[0.0, 1.0]]
        assert plain.take(7).tolist() == [3, 4, 5, 6, 7, 8, 9]
        assert columns.take(9)[-1].tolist() == [18.0, 19.0]
        with pytest.raises(DatasetError, match="cut short"):
            plain.take(1)


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_pickled_content_is_never_opened(path, tmp_path):
    np.savez(path, a=np.array([Trap(tmp_path / "opened")], object), b=np.arange(2))
    with reading(path) as file:
        assert file.names() == ["b"]
        with pytest.raises(DatasetError, match="no array of numbers"):
            file.read("a")
    assert not (tmp_path / "opened").exists()


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked(path):
    put(path, header((1 << 24,)) + bytes(8 << 24))
    refused(path, "unpacks to")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (header((10**12,)), "size that its header says"),
        (header((-1, -2)) + bytes(16), "size that its header says"),
        (header((2,)) + bytes(15), "size that its header says"),
        (b"\x93NUMPY\x09\x00" + bytes(64), "header that is not read"),
        (b"no array", "damaged"),
    ],
    ids=["huge", "negative", "short", "version", "text"],
)
def test_a_header_that_lies_is_refused(content, match, path):
    put(path, content)
    refused(path, match)


def test_what_is_no_array_or_packed_otherwise_is_refused(path):
    put(path, header((0,)), name="../a.npy")
    refused(path, "no npz file")
    put(path, b"x", name="a.txt")
    refused(path, "no array")
    put(path, header((0,)), method=zipfile.ZIP_LZMA)
    refused(path, "not read")


def test_every_cut_of_a_file_is_an_error_of_ours(path):
    np.savez_compressed(path, a=np.arange(50))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(path, "no npz file|damaged")


def test_a_changed_number_is_seen(path):
    np.savez(path, a=np.arange(50))
    content = bytearray(path.read_bytes())
    content[content.index(b"\n") + 9] ^= 1
    path.write_bytes(content)
    refused(path, "damaged")


def test_the_bytes_do_not_depend_on_the_pieces(tmp_path):
    rows = np.arange(600.0).reshape(-1, 2)
    for name, size in (("a", 7), ("b", 300)):
        with writing(tmp_path / name, {"rows": ((2,), rows.dtype)}) as columns:
            for start in range(0, len(rows), size):
                columns["rows"].add(rows[start : start + size])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with (tmp_path / "a").open("rb") as file:
        np.testing.assert_array_equal(np.load(file)["rows"], rows)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a", "b"]
