"""The files of a dataset folder that go to the Hub."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from builder.errors import DatasetError
from builder.hub.remote import belongs
from builder.manifest.manifest import Manifest
from builder.storage.digest import file_sha256

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalFile:
    """A file of a dataset folder.

    Attributes:
        path: of the file.
        size: in bytes.
        sha256: of its bytes.
    """

    path: Path
    size: int
    sha256: str


def local_files(folder: Path, manifest: Manifest) -> dict[str, LocalFile]:
    """A folder's files by path within it, those that the manifest lists compared with it; hidden ones stay.

    Raises:
        DatasetError: one that the manifest lists is missing or differs.
    """
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if belongs(name):
            found[name] = LocalFile(path, path.stat().st_size, file_sha256(path))
        else:
            log.warning("%s is hidden, so it stays here", path)
    for name, entry in manifest.files.items():
        got = found[name].sha256 if name in found else "no file"
        if got != entry.sha256:
            raise DatasetError(
                f"{folder / name} is not what the manifest says",
                expected=f"sha256 {entry.sha256}",
                got=got,
                remedy="build the dataset again, or pull it",
            )
    return found
