"""HDF5 as data: files of strangers whose parts are looked at before one is read, and files of our own.

A file of a stranger's may name other files (external links, external storage, virtual datasets), hold pickled
objects, or declare more than any memory holds in a few bytes. Only plain numbers and texts that lie in the
file itself are read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import DatasetError
from builder.storage.limits import (
    HDF5_DEPTH,
    HDF5_EXPANSION,
    HDF5_OBJECTS,
    HDF5_READ_BYTES,
    HDF5_UNPACKED_BYTES,
    TEXT_BYTES,
)

if TYPE_CHECKING:
    import h5py

NUMBERS = "biuf"
CHUNK_ROWS, CHUNK_BYTES = 8192, 1 << 20
"""Of a growing array: what is packed, and read, at a time."""


class Hdf5File:
    """A file that is read: every part is checked before the first is.

    Args:
        file: as h5py opened it.
        path: of the file, for errors.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self._path = file, path
        self._parts = _checked_parts(file, path)

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def children(self, group: str = "") -> list[str]:
        """The names of what lies in a group; "" is the file itself.

        Raises:
            DatasetError: there is no such group.
        """
        import h5py

        node = self._file if not group else self._part(group)
        if not isinstance(node, h5py.Group):
            raise DatasetError(f"{self._path}: {group} is no group")
        return list(node)

    def is_group(self, name: str) -> bool:
        """Whether there is a group of this name."""
        import h5py

        return name in self._parts and isinstance(self._parts[name], h5py.Group)

    def attributes(self, name: str = "") -> dict[str, Any]:
        """The attributes of a part as Python's own values: numbers, texts, lists of them.

        Raises:
            DatasetError: there is no such part, or one that is neither numbers nor text.
        """
        node = self._file if not name else self._part(name)
        with self._damage(name or "its attributes"):
            return {key: self._attribute(node, key) for key in node.attrs}

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array.

        Raises:
            DatasetError: there is no such array.
        """
        return tuple(int(size) for size in self._array(name).shape)

    def dtype(self, name: str) -> np.dtype[Any]:
        """The dtype of an array.

        Raises:
            DatasetError: there is no such array.
        """
        found: np.dtype[Any] = self._array(name).dtype
        return found

    def kind(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        """The dtype and the shape of an array; None: it is a group, or holds something else than numbers."""
        if self.is_group(name) or self.dtype(name).kind not in NUMBERS:
            return None
        return self.dtype(name), self.shape(name)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> Array:
        """The rows of an array of numbers, in its own dtype and this machine's byte order.

        Raises:
            DatasetError: there is no such array, it is no array of numbers, or it is too large to be read.
        """
        array = self._array(name)
        if array.dtype.kind not in NUMBERS or array.dtype.itemsize > 8:
            raise DatasetError(f"{self._path}: {name}", expected="numbers", got=str(array.dtype))
        if not array.shape:
            return np.asarray(array[()])
        stop = array.shape[0] if stop is None else min(stop, array.shape[0])
        size = max(stop - start, 0) * int(np.prod(array.shape[1:], dtype=object)) * array.dtype.itemsize
        if size > HDF5_READ_BYTES:
            raise DatasetError(
                f"{self._path}: {name} is too large", expected=f"at most {HDF5_READ_BYTES} bytes", got=size
            )
        with self._damage(name):
            rows = array[start:stop]
        native: Array = rows.astype(rows.dtype.newbyteorder("="), copy=False)
        return native

    def texts(self, name: str) -> list[str]:
        """An array of texts; a single one as a list of it.

        Raises:
            DatasetError: there is no such array, or it holds something else.
        """
        array = self._array(name)
        if _text_of(array) is None or array.size > HDF5_OBJECTS:
            raise DatasetError(f"{self._path}: {name}", expected="texts", got=str(array.dtype))
        with self._damage(name):
            return [_decoded(value) for value in np.atleast_1d(array[()]).reshape(-1).tolist()]

    def contents(self, name: str) -> Iterator[bytes]:
        """The files in an array: a row of bytes each, of one length or of many.

        Raises:
            DatasetError: there is no such array, it holds something else, or a row is too large.
        """
        import h5py

        array = self._array(name)
        ragged = h5py.check_vlen_dtype(array.dtype)
        if (ragged or array.dtype) != np.uint8 or array.ndim != (1 if ragged else 2):
            raise DatasetError(f"{self._path}: {name}", expected="rows of bytes", got=str(array.dtype))
        for number in range(array.shape[0]):
            with self._damage(name):
                yield np.asarray(array[number]).tobytes()

    def _part(self, name: str) -> Any:
        if name not in self._parts:
            raise DatasetError(f"{self._path} has no {name}")
        return self._parts[name]

    def _array(self, name: str) -> h5py.Dataset:
        import h5py

        node = self._part(name)
        if not isinstance(node, h5py.Dataset):
            raise DatasetError(f"{self._path}: {name} is no array")
        return node

    def _attribute(self, node: Any, key: str) -> Any:
        kind = node.attrs.get_id(key)
        if kind.get_storage_size() > TEXT_BYTES or (
            kind.dtype.kind not in NUMBERS and _text_of(kind) is None
        ):
            raise DatasetError(f"{self._path}: the attribute {key}", expected="a short text or numbers")
        with self._damage(key):
            value = node.attrs[key]
        if isinstance(value, bytes):
            return _decoded(value)
        return value.tolist() if hasattr(value, "tolist") else value

    @contextlib.contextmanager
    def _damage(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, RuntimeError, UnicodeDecodeError) as error:
            raise DatasetError(f"{self._path}: {name} is damaged: {str(error)[:200]}") from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Hdf5File]:
    """A file of whoever's, opened and checked.

    Raises:
        DatasetError: it is no HDF5 file, is damaged, or holds what is not read: links, objects, bombs.
    """
    import h5py

    if not path.is_file():
        raise DatasetError(f"there is no file {path}")
    try:
        file = h5py.File(path, "r", locking=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise DatasetError(f"{path} is no HDF5 file: {str(error)[:200]}") from error
    with file:
        yield Hdf5File(file, path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[h5py.File]:
    """A new file whose bytes depend on what is put into it alone: no times, names in their own order."""
    import h5py

    with h5py.File(path, "x", libver=("earliest", "v110"), track_order=False) as file:
        yield file


def put_array(group: Any, name: str, array: Array) -> None:
    """An array as a dataset without times; large ones are packed, losslessly."""
    packed: Mapping[str, Any] = {}
    if array.nbytes >= 4096 and array.ndim:
        packed = {"compression": "gzip", "compression_opts": 4, "shuffle": array.dtype.itemsize > 1}
    group.create_dataset(name, data=array, track_times=False, **packed)


def _checked_parts(file: h5py.File, path: Path) -> dict[str, Any]:
    """Every part by its name, links not followed.

    Raises:
        DatasetError: one that is not read.
    """
    import h5py

    parts: dict[str, Any] = {}
    unpacked, waiting = 0, [("", file)]
    try:
        while waiting:
            prefix, group = waiting.pop()
            for key in group:
                name = f"{prefix}{key}"
                if len(parts) >= HDF5_OBJECTS:
                    raise DatasetError(f"{path} has too many parts", expected=f"at most {HDF5_OBJECTS}")
                if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                    raise DatasetError(f"{path}: {name} is a link", expected="its own content")
                node = parts[name] = group[key]
                if isinstance(node, h5py.Group):
                    if name.count("/") >= HDF5_DEPTH:
                        raise DatasetError(f"{path}: groups lie too deep in each other")
                    waiting.append((f"{name}/", node))
                else:
                    unpacked += _checked_size(node, path, name)
    except (OSError, KeyError, ValueError, RuntimeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is damaged: {str(error)[:200]}") from error
    if unpacked > max(HDF5_UNPACKED_BYTES, HDF5_EXPANSION * path.stat().st_size):
        raise DatasetError(
            f"{path} unpacks to far more than it holds",
            expected=f"at most {HDF5_EXPANSION} times its size",
            got=f"{unpacked} bytes of {path.stat().st_size}",
        )
    return parts


def _checked_size(node: Any, path: Path, name: str) -> int:
    """The bytes that an array unpacks to.

    Raises:
        DatasetError: its content lies elsewhere, or takes code to read.
    """
    import h5py

    if not isinstance(node, h5py.Dataset):
        raise DatasetError(f"{path}: {name} is neither a group nor an array")
    layout = node.id.get_create_plist()
    if node.is_virtual or layout.get_external_count():
        raise DatasetError(f"{path}: {name} lies in another file", expected="its own content")
    for index in range(layout.get_nfilters()):
        if layout.get_filter(index)[0] not in _own_filters():
            raise DatasetError(f"{path}: {name} is packed with a plugin", expected="gzip, lzf or szip")
    size = int(np.prod(node.shape or (), dtype=object)) * max(node.dtype.itemsize, 1)
    return size if node.shape is not None else 0


def _own_filters() -> set[int]:
    """Those that come with HDF5 and h5py; any other would be code found somewhere on the machine."""
    from h5py import h5z

    return {*range(h5z.FILTER_DEFLATE, h5z.FILTER_SCALEOFFSET + 1), h5z.FILTER_LZF}


def _text_of(node: Any) -> Any:
    """What h5py knows of the texts in an array; None: it does not hold texts."""
    import h5py

    return h5py.check_string_dtype(node.dtype)


def _decoded(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


class Column:
    """An array that grows by rows; its bytes depend on the rows alone, not on the pieces in which they came.

    Args:
        group: of an open file.
        name: of the array.
        shape: of one row.
        dtype: of the values.
    """

    def __init__(self, group: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        size = max(1, int(np.prod(shape, dtype=object)) * dtype.itemsize)
        self._rows = max(1, min(CHUNK_ROWS, CHUNK_BYTES // size))
        self._waiting: list[Array] = []
        self._waits = 0
        self._array = group.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            dtype=dtype,
            chunks=(self._rows, *shape),
            compression="gzip",
            compression_opts=4,
            shuffle=dtype.itemsize > 1,
            track_times=False,
        )

    def add(self, rows: Array) -> None:
        """Rows [n, *shape] after those before."""
        self._waiting.append(np.asarray(rows))
        self._waits += len(rows)
        if self._waits >= self._rows:
            self._write(self._waits - self._waits % self._rows)

    def close(self) -> None:
        """Write what is left."""
        self._write(self._waits)

    def _write(self, count: int) -> None:
        if not count:
            return
        rows = np.concatenate(self._waiting)
        start = self._array.shape[0]
        self._array.resize(start + count, axis=0)
        self._array[start:] = rows[:count]
        self._waiting, self._waits = [rows[count:].copy()], len(rows) - count
