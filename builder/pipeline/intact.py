"""Whether the dataset at `out` is still what was built: by its files' stamps, else by their contents.

A stamp is what the system says of a file without reading it: size, times and number. Where it is the one that
was noted when the file was last known to be whole, nobody has written to it since.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from builder.card import CARD, mend_card
from builder.manifest.identity import identity
from builder.manifest.manifest import (
    BASELINE,
    LEARNING_CURVE,
    MANIFEST,
    PREVIEW,
    Manifest,
    fingerprint,
    manifest_sha256,
    manifest_text,
)
from builder.manifest.provenance import PROVENANCE, is_own_sha256
from builder.storage.digest import file_sha256
from builder.storage.paths import AnyPath, local_copy
from builder.storage.plain_json import parse_json
from builder.storage.remote_path import RemotePath

log = logging.getLogger(__name__)


def stamps(out: AnyPath, manifest: Manifest) -> dict[str, Any]:
    """The stamps of a dataset's files that are there, by their paths in it."""
    found = {}
    for path in sorted({*manifest.files, CARD, MANIFEST, PROVENANCE, *PREVIEW, BASELINE, LEARNING_CURVE}):
        try:
            found[path] = _stamp(out / path)
        except FileNotFoundError:
            continue
    return found


def _stamp(path: AnyPath) -> Any:
    if isinstance(path, RemotePath):
        return path.stamp()
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def is_vouched(out: AnyPath, manifest: Manifest, noted: Mapping[str, Any]) -> bool:
    """Whether every file of a dataset is there, and has the stamp that was noted."""
    found = stamps(out, manifest)
    return found.keys() >= {*manifest.files, MANIFEST} and found == noted


def is_intact(out: AnyPath, manifest: Manifest, noted: Mapping[str, Any]) -> bool:
    """Whether a dataset is what was built; a damaged card is written anew, for the data tell all of it.

    Args:
        out: the dataset folder.
        manifest: as it stands there.
        noted: the stamps that vouch; what has another one is read.

    Raises:
        OSError: a file cannot be read.
    """
    found = stamps(out, manifest)
    changed = {path for path in found if found[path] != noted.get(path)}
    damage = next(_damaged(out, manifest, found, changed), None)
    if damage:
        log.warning("%s is damaged: %s; it is built again", out, damage)
        return False
    unread = CARD not in changed and CARD in found
    if isinstance(out, Path) and manifest.splits and not unread and mend_card(out):
        log.warning("%s was damaged; it is written anew", out / CARD)
    return True


def _damaged(out: AnyPath, manifest: Manifest, found: Mapping[str, Any], changed: set[str]) -> Iterator[str]:
    """What is missing or has another content than was written."""
    for path, entry in sorted(manifest.files.items()):
        if path not in found:
            yield f"{path} is missing"
        elif path in changed and _sha256(out / path) != entry.sha256:
            yield f"{path} has another content"
    if MANIFEST in changed and not _says_what_it_said(out, manifest):
        yield f"{MANIFEST} has another content"
    if PROVENANCE in changed and not is_own_sha256((out / PROVENANCE).read_text(errors="replace")):
        yield f"{PROVENANCE} has another content"
    if changed.intersection(PREVIEW) and not _is_own_preview(out, found):
        yield "its preview has another content"
    if changed.intersection((BASELINE, LEARNING_CURVE)) and not _is_own_baseline(out, found):
        yield "its baseline has another content"


def _is_own_preview(out: AnyPath, found: Mapping[str, Any]) -> bool:
    """Whether all of a preview is there, as its note says."""
    *pictures, note = PREVIEW
    if not found.keys() >= {*PREVIEW}:
        return False
    text = (out / note).read_text(errors="replace")
    if not is_own_sha256(text):
        return False
    stated = parse_json(text.encode())["files"]
    return all(stated.get(name) == _sha256(out / name) for name in pictures)


def _is_own_baseline(out: AnyPath, found: Mapping[str, Any]) -> bool:
    """Whether a baseline and its picture are there, as its note says."""
    if not found.keys() >= {BASELINE, LEARNING_CURVE}:
        return False
    with local_copy(out / BASELINE) as note:
        text = note.read_text(errors="replace")
    return is_own_sha256(text) and parse_json(text.encode()).get("picture") == _sha256(out / LEARNING_CURVE)


def _says_what_it_said(out: AnyPath, manifest: Manifest) -> bool:
    """Whether a manifest has the checksums of its own content."""
    return (
        manifest.sha256 == manifest_sha256(manifest)
        and manifest.identity == identity(manifest.inputs)
        and manifest.fingerprint == fingerprint(manifest.identity, manifest.files)
        and (out / MANIFEST).read_text(errors="replace") == manifest_text(manifest)
    )


def _sha256(path: AnyPath) -> str:
    with local_copy(path) as file:
        return file_sha256(file)
