"""Reading members of a zip file within bounds, checked before anything is inflated."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import TracebackType
from typing import BinaryIO, Self

from builder.errors import ArchiveError, UnsafeArchiveError
from builder.storage.limits import ARCHIVE_BYTES, ARCHIVE_MEMBERS, ARCHIVE_RATIO, ARCHIVE_UNPACKED_BYTES

_END_RECORD = b"PK\x05\x06"
_END_RECORD_SIZE = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_RECORD = b"PK\x06\x06"
_ZIP64_SIZE = 56 + 20  # its end record and locator, right before the plain end record
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    IndexError,
    struct.error,
)


@dataclass(frozen=True)
class ZipLimits:
    """What a zip file may be.

    Attributes:
        file: bytes of the file itself.
        members: how many it may hold.
        total: bytes of all members, unpacked.
        ratio: unpacked by packed bytes of a member over 1 MiB; SB3 stores its members unpacked.
    """

    file: int = ARCHIVE_BYTES
    members: int = ARCHIVE_MEMBERS
    total: int = ARCHIVE_UNPACKED_BYTES
    ratio: int = ARCHIVE_RATIO


class BoundedZip:
    """An open zip file whose directory has been checked against limits.

    Raises:
        ArchiveError: it is not a zip file, is damaged, or exceeds the limits.
        UnsafeArchiveError: a member's name points outside the archive, or occurs twice.
    """

    def __init__(self, source: BinaryIO, where: str, limits: ZipLimits | None = None) -> None:
        self.where = where
        self.limits = limits or ZipLimits()
        _check_directory_size(source, where, self.limits)
        try:
            self._zip = zipfile.ZipFile(source)
        except _DAMAGED as error:
            raise ArchiveError(
                f"{where}: not a readable zip file ({error})", remedy="download it again"
            ) from error
        self.members = {info.filename: info for info in self._zip.infolist()}
        self._check_members()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def _check_members(self) -> None:
        infos = self._zip.infolist()
        if len(infos) > self.limits.members:
            raise ArchiveError(
                f"{self.where}: {len(infos)} members", expected=f"at most {self.limits.members}"
            )
        if len(self.members) != len(infos):
            raise UnsafeArchiveError(f"{self.where}: two members have the same name")
        for info in infos:
            for name in (info.filename, info.orig_filename):
                if _leaves_the_archive(name):
                    raise UnsafeArchiveError(f"{self.where}: a member is called {name[:80]!r}")
        total = sum(info.file_size for info in infos)
        if total > self.limits.total:
            raise ArchiveError(
                f"{self.where}: unpacks to {total} bytes", expected=f"at most {self.limits.total}"
            )

    def read(self, name: str, limit: int) -> bytes:
        """A member's content.

        Raises:
            ArchiveError: it is missing, damaged, larger than `limit`, or compressed beyond the ratio.
        """
        info = self.members.get(name)
        if info is None:
            raise ArchiveError(f"{self.where}: no {name!r} inside", got=", ".join(sorted(self.members)[:8]))
        self._check_member(info, limit)
        try:
            with self._zip.open(info) as member:
                content = member.read(limit + 1)
        except _DAMAGED as error:
            raise ArchiveError(f"{self.where}: {name} is damaged ({error})") from error
        if len(content) != info.file_size:
            raise ArchiveError(
                f"{self.where}: {name} is cut short", expected=f"{info.file_size} bytes", got=len(content)
            )
        return content

    def _check_member(self, info: zipfile.ZipInfo, limit: int) -> None:
        where = f"{self.where}: {info.filename}"
        if info.flag_bits & 1:
            raise ArchiveError(f"{where} is encrypted")
        if info.file_size > limit:
            raise ArchiveError(f"{where} unpacks to {info.file_size} bytes", expected=f"at most {limit}")
        if info.file_size > 1 << 20 and info.file_size > self.limits.ratio * max(1, info.compress_size):
            raise ArchiveError(
                f"{where} is compressed {info.file_size // max(1, info.compress_size)}:1",
                expected=f"at most {self.limits.ratio}:1",
                remedy="it looks like a zip bomb",
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(f"{where} uses the compression method {info.compress_type}")


def _check_directory_size(source: BinaryIO, where: str, limits: ZipLimits) -> None:
    """Read the end record ourselves: a directory of millions of entries is refused before it is parsed."""
    size = source.seek(0, 2)
    if size > limits.file:
        raise ArchiveError(f"{where}: {size} bytes", expected=f"at most {limits.file}")
    source.seek(max(0, size - (1 << 16) - 128))
    tail = source.read()
    source.seek(0)
    at = tail.rfind(_END_RECORD)
    if at < 0 or at + _END_RECORD_SIZE > len(tail):
        raise ArchiveError(f"{where}: not a zip file, or cut short", remedy="download it again")
    directory_size = int.from_bytes(tail[at + 12 : at + 16], "little")
    record = at - _ZIP64_SIZE  # torch writes one always; like `zipfile`, the plain record counts without it
    if record >= 0 and tail.startswith(_ZIP64_LOCATOR, at - 20) and tail.startswith(_ZIP64_RECORD, record):
        directory_size = int.from_bytes(tail[record + 40 : record + 48], "little")
    if directory_size > limits.members * 1024:
        raise ArchiveError(
            f"{where}: its directory takes {directory_size} bytes",
            expected=f"at most {limits.members} members",
        )


def _leaves_the_archive(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return "\x00" in name or path.is_absolute() or ".." in path.parts or ":" in name.split("/", maxsplit=1)[0]
