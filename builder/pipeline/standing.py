"""What stands at `out` when a build begins, and what is noted beside it: read once, and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from builder.errors import BuilderError, DatasetError, ExistsError, StorageError, storage_error
from builder.manifest.manifest import MANIFEST, Manifest, manifest_sha256, read_manifest
from builder.pipeline.intact import is_intact, is_vouched
from builder.storage.layout import Layout
from builder.storage.limits import BUILD_BYTES
from builder.storage.paths import AnyPath
from builder.storage.plain_json import read_json
from builder.storage.staging import unfinished


@dataclass(frozen=True)
class Note:
    """What is noted beside a dataset.

    Attributes:
        identity: of the dataset; empty where nothing is noted.
        request: the sha256 of all that led to it; None where that is more than files.
        files: the stamps of its files when they were last known to be whole: see `builder.pipeline.intact`.
    """

    identity: str = ""
    request: str | None = None
    files: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """What stands at `out`, read by who holds its lock.

    Attributes:
        out: the dataset folder.
        manifest: what its manifest says, where it can be read.
        problem: why it is no dataset, or a damaged one: a `StorageError` where it may be whole all the same,
            an `ExistsError` where it has no manifest.
        note: what is noted beside it.
    """

    out: AnyPath
    manifest: Manifest | None = None
    problem: BuilderError | None = None
    note: Note = field(default_factory=Note)

    def is_vouched(self) -> bool:
        """Whether no file of the dataset has been written to since it was noted to be whole."""
        return self.manifest is not None and is_vouched(self.out, self.manifest, self.note.files)

    def is_intact(self) -> bool:
        """Whether the dataset is what was built; a damaged card is written anew."""
        return self.manifest is not None and is_intact(self.out, self.manifest, self.note.files)


def standing_at(out: AnyPath) -> Standing:
    """What stands at `out`: nothing where it is missing, empty, or only half uploaded."""
    note = read_note(out)
    try:
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return Standing(out, note=note)
        if (out / MANIFEST).is_file():
            return _dataset(out, note)
        if unfinished(out):
            return Standing(out, note=note)
    except OSError as error:
        remedy = "choose another `out`, or mend its permissions"
        problem = StorageError(f"{out} cannot be read: {error.strerror}", remedy=remedy)
        return Standing(out, problem=problem, note=note)
    except StorageError as error:
        return Standing(out, problem=error, note=note)
    remedy = "choose another `out`, or remove it yourself"
    missing = ExistsError(f"{out} exists and is not a dataset of ours", remedy=remedy)
    return Standing(out, problem=missing, note=note)


def _dataset(out: AnyPath, note: Note) -> Standing:
    try:
        manifest = read_manifest(out)
    except DatasetError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error, StorageError):
            return Standing(out, problem=storage_error(error.__cause__, out / MANIFEST), note=note)
        return Standing(out, problem=error, note=note)
    if manifest.sha256 in ("", manifest_sha256(manifest)):
        return Standing(out, manifest, note=note)
    problem = DatasetError(f"{out / MANIFEST} has another content than was written")
    return Standing(out, manifest, problem, note)


def read_note(out: AnyPath) -> Note:
    """What is noted beside a dataset; of what cannot be read, nothing."""
    path = Layout.of(out).request
    try:
        content = read_json(path, BUILD_BYTES) if path.is_file() else {}
        note = Note(**content)
    except (BuilderError, OSError, ValueError, TypeError):
        return Note()
    return note if isinstance(note.files, dict) else Note()
