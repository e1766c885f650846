"""A dataset behind a URL, brought to this machine: for one look, or to a cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.errors import DatasetError, storage_error
from builder.manifest.manifest import (
    BASELINE,
    LEARNING_CURVE,
    MANIFEST,
    PREVIEW,
    SIGNATURE,
    UNLISTED,
    owned_files,
    read_manifest,
)
from builder.manifest.provenance import PROVENANCE
from builder.storage.digest import file_sha256
from builder.storage.lock import locked_in_turn
from builder.storage.remote_path import RemotePath
from builder.storage.staging import replaced

OPTIONAL = (PROVENANCE, SIGNATURE, *PREVIEW, BASELINE, LEARNING_CURVE)
"""Files that not every dataset has: a folder from a cache of DVC has no description of the machine."""


def fetch_all(source: RemotePath, folder: Path) -> None:
    """Bring every file behind a URL to a folder, as it is.

    Raises:
        StorageError: it cannot be read, or the folder not written.
    """
    for path in source.rglob("*"):
        _bring(source, path.relative_to(source).as_posix(), folder)


def cached(source: RemotePath) -> Path:
    """The folder of this machine's cache that holds the dataset behind a URL, as it is there now.

    Files are compared with the manifest; what is there already is not brought again.

    Raises:
        DatasetError: there is no dataset, or its files are not those of its manifest.
        StorageError: it cannot be read, or the cache not written.
    """
    manifest = read_manifest(source)
    folder = _cache() / hashlib.sha256(source.url.encode()).hexdigest()[:16] / source.name
    with _explained(folder), locked_in_turn(folder):
        if (folder / MANIFEST).is_file() and read_manifest(folder) == manifest and manifest.whole(folder):
            return folder
        with replaced(folder, MANIFEST, owned_files) as staging:
            for name in sorted({*manifest.files, *UNLISTED}):
                if name not in OPTIONAL or (source / name).is_file():
                    _bring(source, name, staging)
            for name, entry in sorted(manifest.files.items()):
                if (got := file_sha256(staging / name)) != entry.sha256:
                    raise DatasetError(
                        f"{source / name} is not what the manifest says",
                        expected=f"sha256 {entry.sha256}",
                        got=got,
                        remedy="if it is being built just now, wait; else build it again",
                    )
    return folder


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(error, folder) from error


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "il-builder"


def _bring(source: RemotePath, name: str, folder: Path) -> None:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"{source} has a file at {name!r}", expected="a path inside the folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        (source / name).download(target)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{source / name} is missing", remedy="if it is being built just now, wait; else build it again"
        ) from error
