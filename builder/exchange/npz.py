"""npz as data: files of strangers whose arrays are looked at before one is read, and files of our own.

`numpy.load` would take whatever a header says into memory, and unpickle objects where it is let. Here only
plain numbers are read, row by row, and never more than the file can hold.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from builder.episodes.spaces import Array
from builder.errors import BuilderError, DatasetError
from builder.experts.archive.bounded_zip import BoundedZip, ZipLimits
from builder.storage.limits import NPZ_EXPANSION, NPZ_MEMBERS, NPZ_READ_BYTES, NPZ_UNPACKED_BYTES

NUMBERS = "biuf"
ENDING = ".npy"
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class _Member:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    by_columns: bool


class NpzFile:
    """A file that is read: every array's header is checked before the first number is.

    Args:
        archive: the open file.
        path: of the file, for errors.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive, self._path = archive, path
        self._members = {
            info.filename.removesuffix(ENDING): _checked(archive, info, path) for info in archive.infolist()
        }

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def names(self) -> list[str]:
        """Of the arrays of numbers."""
        return [name for name, member in self._members.items() if member]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array.

        Raises:
            DatasetError: there is no such array of numbers.
        """
        return self._member(name).shape

    def dtype(self, name: str) -> np.dtype[Any]:
        """The dtype of an array.

        Raises:
            DatasetError: there is no such array of numbers.
        """
        return self._member(name).dtype

    @contextlib.contextmanager
    def rows(self, name: str) -> Iterator[Rows]:
        """The rows of an array, to be taken in their order.

        Raises:
            DatasetError: there is no such array of numbers.
        """
        member = self._member(name)
        if not member.shape:
            raise DatasetError(f"{self._path}: {name} has no rows")
        with self._stream(name) as stream:
            yield Rows(stream, member, self._path, name)

    def read(self, name: str) -> Array:
        """A whole array.

        Raises:
            DatasetError: there is no such array of numbers, or it is too large to be read at once.
        """
        member = self._member(name)
        with self._stream(name) as stream:
            return Rows(stream, member, self._path, name).all()

    @contextlib.contextmanager
    def _stream(self, name: str) -> Iterator[IO[bytes]]:
        with _damage(self._path, name):
            stream = self._archive.open(name + ENDING)
        with stream:
            with _damage(self._path, name):
                stream.read(self._member(name).offset)
            yield stream

    def _member(self, name: str) -> _Member:
        found = self._members.get(name)
        if found is None:
            what = "is no array of numbers" if name in self._members else "is not there"
            raise DatasetError(f"{self._path}: {name} {what}", remedy="pickled content is not read")
        return found


class Rows:
    """The rows of an array, from the first; they can be taken once.

    Args:
        stream: of the unpacked numbers.
        member: what its header says.
        path: of the file, for errors.
        name: of the array, likewise.
    """

    def __init__(self, stream: IO[bytes], member: _Member, path: Path, name: str) -> None:
        self._stream, self._member, self._path, self._name = stream, member, path, name
        self._columns = self._transposed() if member.by_columns else None
        self._taken = 0

    def take(self, count: int) -> Array:
        """The next `count` rows, in this machine's byte order.

        Raises:
            DatasetError: there are fewer, or they are too large to be read at once.
        """
        member, start = self._member, self._taken
        if start + count > member.shape[0]:
            raise DatasetError(f"{self._path}: {self._name} is cut short", expected=f"{start + count} rows")
        self._taken += count
        if self._columns is not None:
            return self._columns[start : start + count]
        return self._numbers((count, *member.shape[1:]))

    def all(self) -> Array:
        """The whole array, where none of it was taken before.

        Raises:
            DatasetError: it is too large to be read at once.
        """
        return self._numbers(self._member.shape) if self._columns is None else self._columns

    def _numbers(self, shape: tuple[int, ...]) -> Array:
        dtype = self._member.dtype
        size = math.prod(shape) * dtype.itemsize
        if size > NPZ_READ_BYTES:
            raise DatasetError(
                f"{self._path}: {self._name} is too large",
                expected=f"at most {NPZ_READ_BYTES} bytes at a time",
                got=size,
            )
        with _damage(self._path, self._name):
            content = self._stream.read(size)
        if len(content) != size:
            raise DatasetError(f"{self._path}: {self._name} is cut short")
        if dtype.kind == "b":  # a stranger's may hold other bytes than 0 and 1
            flags: Array = np.frombuffer(content, np.uint8).reshape(shape) != 0
            return flags
        values = np.frombuffer(content, dtype).reshape(shape)
        return values.astype(dtype.newbyteorder("="), copy=False)

    def _transposed(self) -> Array:
        return self._numbers(self._member.shape[::-1]).T


@contextlib.contextmanager
def reading(path: Path) -> Iterator[NpzFile]:
    """A file of whoever's, opened and checked.

    Raises:
        DatasetError: it is no npz file, is damaged, or would unpack to far more than it holds.
    """
    if not path.is_file():
        raise DatasetError(f"there is no file {path}")
    size = path.stat().st_size
    limits = ZipLimits(size, NPZ_MEMBERS, max(NPZ_UNPACKED_BYTES, NPZ_EXPANSION * size), NPZ_EXPANSION)
    with path.open("rb") as source:
        try:
            with BoundedZip(source, str(path), limits):
                pass
        except BuilderError as error:
            raise DatasetError(f"{path} is no npz file that is read: {str(error)[:300]}") from error
    with _damage(path, "its directory"):
        archive = zipfile.ZipFile(path)
    with archive:
        yield NpzFile(archive, path)


def _checked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> _Member | None:
    """What the header of an array says; None: it holds objects or texts, and is not read.

    Raises:
        DatasetError: it is no array, or its size is another than its header's.
    """
    name = info.filename
    if not name.endswith(ENDING) or info.flag_bits & 1:
        raise DatasetError(f"{path}: {name[:80]!r} is no array")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DatasetError(f"{path}: {name[:80]!r} is packed in a way that is not read")
    with _damage(path, name[:80]), archive.open(info) as stream:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise DatasetError(f"{path}: {name[:80]!r} has a header that is not read")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = read_header(stream)
        offset = stream.tell()
    if dtype.kind not in NUMBERS or dtype.itemsize > 8:
        return None
    if min(shape, default=0) < 0 or offset + math.prod(shape) * dtype.itemsize != info.file_size:
        raise DatasetError(f"{path}: {name[:80]!r} does not have the size that its header says")
    return _Member(shape, dtype, offset, by_columns and len(shape) > 1)


@contextlib.contextmanager
def _damage(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except BuilderError:
        raise
    except _DAMAGED as error:
        raise DatasetError(f"{path}: {name} is damaged: {str(error)[:200]}") from error


class NpzColumn:
    """An array that grows by rows, on the disk.

    Args:
        folder: where there is room.
        shape: of one row.
        dtype: of the values.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by `put`
        self._shape, self._dtype, self._count = shape, dtype, 0

    def add(self, rows: Array) -> None:
        """Rows [n, *shape] after those before."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).tobytes())
        self._count += len(rows)

    def put(self, archive: zipfile.ZipFile, name: str) -> None:
        """Write the array, and forget it."""
        described = npy.dtype_to_descr(self._dtype)
        header = {"descr": described, "fortran_order": False, "shape": (self._count, *self._shape)}
        info = zipfile.ZipInfo(name + ENDING)  # of 1980: a time of day would be in the bytes
        info.compress_type = zipfile.ZIP_DEFLATED
        with self._file as rows:
            large = rows.tell() >= zipfile.ZIP64_LIMIT // 2
            rows.seek(0)
            with archive.open(info, "w", force_zip64=large) as stream:
                npy.write_array_header_1_0(stream, header)
                shutil.copyfileobj(rows, stream, 1 << 20)


@contextlib.contextmanager
def writing(path: Path, columns: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> Iterator[Any]:
    """A new file of arrays by name, of a row's shape and a dtype each; its bytes depend on the rows alone."""
    growing = {name: NpzColumn(path.parent, shape, dtype) for name, (shape, dtype) in columns.items()}
    yield growing
    with zipfile.ZipFile(path, "x", compresslevel=4) as archive:
        for name, column in growing.items():
            column.put(archive, name)
