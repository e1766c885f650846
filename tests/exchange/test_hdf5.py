"""HDF5 files of strangers: only plain numbers and texts that lie in the file itself are read."""

import h5py
import numpy as np
import pytest

from builder.errors import DatasetError
from builder.exchange.hdf5 import Column, reading, writing


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.hdf5"


def read_all(path):
    with reading(path) as file:
        return [file.read(name) for name in file.children()]


def refused(path, match):
    with pytest.raises(DatasetError, match=match):
        read_all(path)


def test_a_link_to_another_file_is_refused(path, tmp_path):
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file["a"] = [1]
    with h5py.File(path, "w") as file:
        file["a"] = h5py.ExternalLink(str(tmp_path / "secret.hdf5"), "/a")
    refused(path, "is a link")


def test_a_soft_link_is_refused(path):
    with h5py.File(path, "w") as file:
        file["a"] = h5py.SoftLink("/b")
    refused(path, "is a link")


def test_a_virtual_dataset_is_refused(path, tmp_path):
    layout = h5py.VirtualLayout(shape=(4,), dtype="i8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.hdf5"), "a", shape=(4,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("a", layout)
    refused(path, "lies in another file")


def test_external_storage_is_refused(path, tmp_path):
    (tmp_path / "secret").write_bytes(b"12345678")
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (1,), "i8", external=[(str(tmp_path / "secret"), 0, 8)])
    refused(path, "lies in another file")


def test_objects_are_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.array([np.void(b"\x80\x04.")]))
    refused(path, "expected numbers")


def test_a_bomb_is_refused_before_it_is_read(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (10**12,), "f8", chunks=(1 << 20,), compression="gzip")
    refused(path, "far more than it holds")


def test_a_group_within_itself_ends(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["a"] = group
    refused(path, "too deep")


def test_a_file_that_is_none_is_refused(path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    refused(path, "no HDF5 file")


def test_every_cut_of_a_file_is_an_error_of_ours(path):
    with writing(path) as file:
        column = Column(file, "a", (3,), np.dtype("f4"))
        column.add(np.ones((100, 3), "f4"))
        column.close()
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        refused(path, "no HDF5 file|damaged")


def test_the_bytes_of_a_column_do_not_depend_on_its_pieces(tmp_path):
    rows = np.arange(60_000, dtype="i8").reshape(-1, 2)
    for name, size in (("a", 7), ("b", 30_000)):
        with writing(tmp_path / name) as file:
            column = Column(file, "rows", (2,), rows.dtype)
            for start in range(0, len(rows), size):
                column.add(rows[start : start + size])
            column.close()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with reading(tmp_path / "a") as file:
        np.testing.assert_array_equal(file.read("rows", 5, 12_345), rows[5:12_345])


def test_texts_and_attributes_come_as_pythons_own(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("names", data=["a", "ü"], dtype=h5py.string_dtype())
        file.attrs["total"] = 3
        file.attrs["about"] = "x"
    with reading(path) as file:
        assert file.texts("names") == ["a", "ü"]
        assert file.attributes() == {"total": 3, "about": "x"}
