"""`manifest.json`: what a dataset is, what it was made from, and the sha256 of its files."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from builder.episodes.declared import spaces_with
from builder.episodes.recording import PIXELS
from builder.episodes.spaces import Spaces, from_description
from builder.errors import DatasetError, storage_error
from builder.manifest.identity import sha256_of
from builder.manifest.schema import violations
from builder.manifest.scores import ReferenceScores
from builder.storage.digest import file_sha256
from builder.storage.durable import flush
from builder.storage.limits import MANIFEST_BYTES
from builder.storage.paths import AnyPath, write_whole
from builder.storage.plain_json import read_json
from builder.storage.tree import files_in, inside, is_folder, is_link
from builder.versions import RELEASE

MANIFEST = "manifest.json"
VERSION = 1
FINGERPRINTED = ("data", "episodes")
"""Folders whose files the fingerprint covers."""
SIGNATURE = "dataset.sig"
MOST_RETURNS = 500
"""So many returns of rejected attempts are kept."""
PREVIEW = ("assets/preview.webp", "assets/preview.png", "assets/preview.json")
"""A film and a strip of some episodes, and their note: other machines may draw them otherwise."""
BASELINE, LEARNING_CURVE = "baseline.json", "assets/baseline.png"
"""What was learned from the dataset, and its picture; other machines may find other figures."""
UNLISTED = (MANIFEST, "README.md", "provenance.json", SIGNATURE, *PREVIEW, BASELINE, LEARNING_CURVE)
"""Files that the manifest does not list: itself, the card (rendered again to check it), what describes the
machine, the preview and the baseline (they carry their own checksums), and who has signed manifest and
card."""


OWN = re.compile(
    r"(data|episodes)/\w+-\d{5}-of-\d{5}\.parquet"
    r"|assets/((returns|components|baseline)\.png|preview\.(webp|png|json))|expert/expert\.(json|safetensors)"
    r"|README\.md|(manifest|baseline)\.json|provenance\.json|dataset\.sig"
)
"""The names that builds give."""


@dataclass(frozen=True)
class Split:
    """How much a split holds."""

    episodes: int
    rows: int


@dataclass(frozen=True)
class FileEntry:
    """One file of the folder."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Distinct:
    """How many different things a dataset holds.

    Attributes:
        episodes: that differ in observations or actions.
        test_steps: different (observation, action) pairs of the split `test`; None: not counted.
        shared_steps: how many of those stand in `train` too.
    """

    episodes: int
    test_steps: int | None = None
    shared_steps: int | None = None


@dataclass(frozen=True)
class Rejected:
    """The attempts that were rejected for their returns.

    Attributes:
        count: how many, up to the last accepted one.
        returns: theirs, from the least to the greatest; of more than `MOST_RETURNS`, so many from evenly
            spaced ranks, the first and the last among them.
    """

    count: int
    returns: tuple[float, ...]


@dataclass(frozen=True)
class Manifest:
    """The record of a build.

    Attributes:
        inputs: all that was known before play and decides the bytes: see `identity.build_inputs`.
        identity: the sha256 of the inputs.
        observation_space: as `builder.episodes.spaces.describe` gives it.
        action_space: likewise.
        attempts: how many were played up to the last accepted one.
        accepted: how many of them are in the dataset.
        splits: by name; a split without episodes is not there.
        files: by path within the folder.
        fingerprint: the sha256 over the identity and the hashes of all under `data/` and `episodes/`.
        distinct: how many different things it holds; None: nobody has counted.
        notes: what else a reader should know of how it came about; left out where there are none.
        manifest_version: of this format.
        sha256: of the canonical JSON of everything else here; empty in a manifest of another tool.
        beyond_bounds: observations with a component beyond the bounds that their space declares, or an
            infinite one; left out where there are none, or nobody has counted.
        failed: attempts, up to the last accepted one, in which something was raised or was NaN; left out
            where there are none.
        instances: "fresh" or "single", where the environment was found, or stated, to be right only so; it
            decides no byte, and is left out where it is None.
        rejected: the returns of those that were rejected for them; left out where there are none, or nobody
            has recorded them.
        written_by: the version of il-builder whose words the card has; None: one before 0.2.0.
        reference: the reference scores of its environment, where somebody has had them put here; they decide
            no byte, and are left out where there are none.
    """

    inputs: dict[str, Any]
    identity: str
    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    attempts: int
    accepted: int
    splits: dict[str, Split]
    files: dict[str, FileEntry]
    fingerprint: str
    distinct: Distinct | None = None
    notes: tuple[str, ...] = ()
    manifest_version: int = VERSION
    sha256: str = ""
    instances: str | None = None
    beyond_bounds: int = 0
    failed: int = 0
    rejected: Rejected | None = None
    written_by: str | None = None
    reference: ReferenceScores | None = None

    @property
    def spaces(self) -> Spaces:
        """The observation and the action space, and that of recorded pictures."""
        observed, done = map(from_description, (self.observation_space, self.action_space))
        return spaces_with(self.inputs, observed, done)

    def whole(self, folder: AnyPath) -> bool:
        """Whether all files are there, in the sizes that they were written with."""
        sizes = [(folder / path, entry.size) for path, entry in self.files.items()]
        return all(path.is_file() and path.stat().st_size == size for path, size in sizes)


def stated_license(inputs: Mapping[str, Any]) -> str | None:
    """The licence that the inputs of a manifest state; None: none is."""
    made_of = inputs.get("imported") or inputs.get("merged") or {}
    found: str | None = made_of.get("license") or inputs.get("config", {}).get("dataset", {}).get("license")
    return found


def stated_citation(inputs: Mapping[str, Any]) -> str | None:
    """How the inputs of a manifest say that the dataset is to be cited; None: they do not."""
    found: str | None = inputs.get("config", {}).get("dataset", {}).get("citation")
    return found


def seal(manifest: Manifest, folder: Path, known: Mapping[str, FileEntry] | None = None) -> Manifest:
    """Hash the folder's files, write `manifest.json`, and return what was written.

    Args:
        manifest: what it says but for the files.
        folder: of the dataset.
        known: what is known of some files, by their paths in it: one that is as large is not hashed again.

    Raises:
        StorageError: it cannot be written.
    """
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    files = {name: _entry(folder / name, (known or {}).get(name)) for name in names if name not in UNLISTED}
    try:
        flush(folder)
    except OSError as error:
        raise storage_error(error, folder / MANIFEST) from error
    named = fingerprint(manifest.identity, files)
    return rewrite(dataclasses.replace(manifest, files=files, fingerprint=named), folder)


def _entry(path: Path, known: FileEntry | None) -> FileEntry:
    size = path.stat().st_size
    return known if known and known.size == size else FileEntry(file_sha256(path), size)


def rewrite(manifest: Manifest, folder: Path) -> Manifest:
    """Write `manifest.json` and return what was written; of the files it says what it said.

    Raises:
        StorageError: it cannot be written.
    """
    stated = dataclasses.replace(manifest, written_by=RELEASE)
    stated = dataclasses.replace(stated, sha256=manifest_sha256(stated))
    target = folder / MANIFEST
    try:
        write_whole(target, manifest_text(stated))
    except OSError as error:
        raise storage_error(error, target) from error
    return stated


def manifest_text(manifest: Manifest) -> str:
    """A manifest as its file holds it; there is only one way to write it."""
    return json.dumps(_content(manifest), indent=1, sort_keys=True) + "\n"


def _check_counts(content: Mapping[str, Any], path: AnyPath) -> None:
    """Refuse counts of which no build gives one with the other."""
    accepted, attempts, splits = content["accepted"], content["attempts"], content["splits"]
    counted = sum(split["episodes"] for split in splits.values())
    counts_itself = content["inputs"] and "own" not in content["inputs"]
    if (counts_itself and accepted > attempts) or (accepted and not attempts):
        raise DatasetError(f"{path} counts {accepted} accepted of {attempts} attempts")
    if splits and counted != accepted:
        raise DatasetError(f"{path} counts {accepted} accepted episodes, and {counted} in its splits")
    for name, split in splits.items():
        if split["rows"] < split["episodes"]:
            raise DatasetError(f"{path} counts fewer steps than episodes in the split {name!r}")


def _check_merged(merged: Mapping[str, Any], splits: Mapping[str, Mapping[str, int]], path: AnyPath) -> None:
    """Refuse episodes of no part, and pictures with a size and no column, or a column and no size."""
    taken: Counter[str] = Counter()
    for part in merged["parts"]:
        taken.update(part["episodes"])
    counted = {name: split["episodes"] for name, split in splits.items()}
    if dict(taken) != counted:
        raise DatasetError(f"{path} counts other episodes in its parts", expected=counted, got=dict(taken))
    if ("pixels" in merged) != (PIXELS in merged["optional"]):
        raise DatasetError(
            f"{path} states the size of pictures without their column, or the column without it"
        )


def _reference(stated: Mapping[str, Any], path: AnyPath) -> ReferenceScores:
    """The reference scores that a manifest states, where there is a scale between them.

    Raises:
        DatasetError: there is none.
    """
    try:
        return ReferenceScores.of(stated)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error.what}", expected=error.expected, got=error.got) from error


def _rejected(stated: Mapping[str, Any]) -> Rejected:
    return Rejected(stated["count"], tuple(map(float, stated["returns"])))


def _content(manifest: Manifest) -> dict[str, Any]:
    """What the file holds; of what nobody has found out or counted, nothing is there."""
    content = dataclasses.asdict(manifest)
    known = dataclasses.asdict(manifest.distinct) if manifest.distinct else {}
    optional = {
        "instances": manifest.instances,
        "distinct": {name: count for name, count in known.items() if count is not None} or None,
        "notes": list(manifest.notes) or None,
        "beyond_bounds": manifest.beyond_bounds or None,
        "failed": manifest.failed or None,
        "rejected": content["rejected"],
        "written_by": manifest.written_by,
        "reference": manifest.reference.content if manifest.reference else None,
    }
    for name, value in optional.items():
        del content[name]
        if value is not None:
            content[name] = value
    return content


def manifest_sha256(manifest: Manifest) -> str:
    """The sha256 of the canonical JSON of everything but `sha256` itself."""
    content = _content(manifest)
    del content["sha256"]
    return sha256_of(content)


def fingerprint(identity: str, files: dict[str, FileEntry]) -> str:
    """The sha256 over the identity and the hashes of everything under `data/` and `episodes/`."""
    return sha256_of({"identity": identity, "files": covered(files)})


def covered(files: dict[str, FileEntry]) -> dict[str, str]:
    """The sha256 of every file that the fingerprint covers, by path."""
    return {path: entry.sha256 for path, entry in files.items() if path.partition("/")[0] in FINGERPRINTED}


def data_files(manifest: Manifest) -> dict[str, FileEntry]:
    """What a manifest says of the files under `data/` and `episodes/`, by path."""
    return {path: manifest.files[path] for path in covered(manifest.files)}


def owned_files(folder: AnyPath) -> frozenset[str]:
    """The files of a dataset folder that a build made, by their paths in it; whatever else is there is not.

    They are those that the manifest lists; where there is none to read, those of the names that builds give.
    """
    try:
        listed = {*read_manifest(folder).files, *UNLISTED}
    except DatasetError:
        listed = set()
    names = {path.relative_to(folder).as_posix() for path in files_in(folder)} if is_folder(folder) else set()  # type: ignore[arg-type]  # both are of one kind
    return frozenset(name for name in names if name in listed or (not listed and OWN.fullmatch(name)))


def read_manifest(folder: AnyPath) -> Manifest:
    """Read a dataset folder's manifest.

    Raises:
        DatasetError: there is none, or it is not one of this version.
    """
    path = folder / MANIFEST
    if isinstance(folder, Path) and is_link(path):
        inside(folder, MANIFEST)
    try:
        content = read_json(path, MANIFEST_BYTES)
    except FileNotFoundError:
        raise DatasetError(f"there is no dataset at {folder}: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is not a manifest: {error}") from error
    return manifest_of(content, path)


def manifest_of(content: Any, path: AnyPath) -> Manifest:
    """The manifest that a file's content is, once it has passed its schema.

    Args:
        content: as JSON.
        path: of the file, for the error.

    Raises:
        DatasetError: it is none, or not one of this version.
    """
    version = content.get("manifest_version") if isinstance(content, dict) else None
    if type(version) is int and version != VERSION:
        raise DatasetError(f"{path} is of another version", expected=VERSION, got=version)
    if wrong := _first_violation(json.dumps(content)):
        raise DatasetError(f"{path} is not a manifest: {wrong}")
    _check_counts(content, path)
    if merged := content["inputs"].get("merged"):
        _check_merged(merged, content["splits"], path)
    optional = {
        "distinct": Distinct(**content["distinct"]) if "distinct" in content else None,
        "notes": tuple(content.get("notes", ())),
        "rejected": _rejected(content["rejected"]) if "rejected" in content else None,
        "reference": _reference(content["reference"], path) if "reference" in content else None,
    }
    splits = {name: Split(**split) for name, split in content["splits"].items()}
    files = {name: FileEntry(**entry) for name, entry in content["files"].items()}
    return Manifest(**{**content, **optional, "splits": splits, "files": files})


@lru_cache(maxsize=4)
def _first_violation(text: str) -> str | None:
    """What the schema has against a manifest's text, found once: a build reads the same one several times."""
    return next(violations("manifest", json.loads(text)), None)
