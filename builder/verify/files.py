"""The files of a folder against its manifest, and the manifest against itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from builder.card import CARD, rendered_again, same_header
from builder.display import shown_size
from builder.errors import DatasetError, SignatureError
from builder.manifest.identity import identity, sha256_of
from builder.manifest.manifest import (
    MANIFEST,
    PREVIEW,
    SIGNATURE,
    UNLISTED,
    Manifest,
    fingerprint,
    manifest_of,
    manifest_sha256,
    manifest_text,
)
from builder.manifest.provenance import PROVENANCE
from builder.manifest.schema import violations
from builder.manifest.signature import signer
from builder.replay import Difference
from builder.storage.digest import file_sha256
from builder.storage.limits import MANIFEST_BYTES, NOTE_BYTES
from builder.storage.plain_json import parse_json, read_bounded
from builder.storage.tree import inside, is_link
from builder.verify.checks import Check
from builder.versions import RELEASE

HUB_FILES = (".gitattributes",)
"""What the Hub itself puts into a repository."""


def check_manifest(folder: Path) -> Check:
    """Its schema, its own checksum, the identity and the fingerprint that it states."""
    checked = "JSON Schema, own sha256, identity, fingerprint"
    return Check("manifest", checked, next(_manifest_differences(folder), None))


def _manifest_differences(folder: Path) -> Iterator[Difference]:
    try:
        text = read_bounded(inside(folder, MANIFEST), MANIFEST_BYTES)
        content = parse_json(text)
    except DatasetError as error:
        yield Difference(what=str(error), file=MANIFEST)
        return
    except (OSError, ValueError) as error:
        yield Difference(what=f"not JSON: {error}", file=MANIFEST)
        return
    yield from (Difference(what=wrong, file=MANIFEST) for wrong in violations("manifest", content))
    try:
        manifest = manifest_of(content, folder / MANIFEST)
    except DatasetError as error:
        yield Difference(what=str(error), file=MANIFEST)
        return
    stated = (
        ("sha256", manifest_sha256(manifest), manifest.sha256),
        ("identity", identity(manifest.inputs), manifest.identity),
        ("fingerprint", fingerprint(manifest.identity, manifest.files), manifest.fingerprint),
    )
    for key, expected, got in stated:
        if expected != got:
            yield Difference(
                what=f"{key} is not that of its content", file=MANIFEST, expected=expected, got=got
            )
    if text != manifest_text(manifest).encode():
        yield Difference(what="not written as a manifest is", file=MANIFEST)


def check_files(folder: Path, manifest: Manifest) -> Check:
    """Every listed file by size and sha256, and no file that is not listed."""
    size = sum(entry.size for entry in manifest.files.values())
    compared = f"{len(manifest.files)} files, {shown_size(size)}, by size and sha256"
    return Check("files", compared, next(_file_differences(folder, manifest), None))


def _file_differences(folder: Path, manifest: Manifest) -> Iterator[Difference]:
    yield from _misplaced(folder, manifest)
    for path, entry in sorted(manifest.files.items()):
        file = folder / path
        if not file.is_file():
            yield Difference(what="missing", file=path)
        elif (size := file.stat().st_size) != entry.size:
            yield Difference(
                what="another size", file=path, expected=f"{entry.size} bytes", got=f"{size} bytes"
            )
        elif (digest := file_sha256(file)) != entry.sha256:
            yield Difference(what="another content", file=path, expected=f"sha256 {entry.sha256}", got=digest)
    known = {*manifest.files, *UNLISTED, *HUB_FILES}
    folders = {parent.as_posix() for name in known for parent in PurePosixPath(name).parents}
    for found in sorted(folder.rglob("*")):
        name = found.relative_to(folder).as_posix()
        ours = folders if found.is_dir() and not found.is_symlink() else known
        if name not in ours:
            yield Difference(what="not in the manifest", file=name)


def _misplaced(folder: Path, manifest: Manifest) -> Iterator[Difference]:
    """Files that are links to elsewhere, or no files, before one of them is opened."""
    for name in sorted({*manifest.files, *UNLISTED}):
        if is_link(folder / name) or (folder / name).exists():
            try:
                inside(folder, name)
            except DatasetError as error:
                yield Difference(what=str(error), file=name)


def check_provenance(folder: Path) -> Check:
    """The machine's description by its own checksum; a folder from a cache of DVC has none."""
    path = folder / PROVENANCE
    if not path.exists():
        return Check("provenance", "there is none: the machine that built it is not described")
    return Check("provenance", "own sha256", next(_note_differences(path, PROVENANCE), None))


def has_preview(folder: Path) -> bool:
    """Whether any file of a preview is there; a dataset is as good without."""
    return any((folder / name).exists() for name in PREVIEW)


def check_preview(folder: Path) -> Check:
    """The preview by its own checksums; what it shows is drawn again by no verification."""
    return Check("preview", "own sha256, that of its files", next(_preview_differences(folder), None))


def _preview_differences(folder: Path) -> Iterator[Difference]:
    *pictures, note = PREVIEW
    for name in PREVIEW:
        if not (folder / name).is_file():
            yield Difference(what="missing", file=name)
    yield from _note_differences(folder / note, note)
    stated = parse_json(read_bounded(folder / note, NOTE_BYTES))["files"]
    for name in pictures:
        if (digest := file_sha256(folder / name)) != stated[name]:
            yield Difference(what="another content", file=name, expected=f"sha256 {stated[name]}", got=digest)


def _note_differences(path: Path, name: str) -> Iterator[Difference]:
    """Of a note with its own checksum: its schema, its checksum, how it is written."""
    try:
        text = read_bounded(path, NOTE_BYTES)
        content = parse_json(text)
    except (OSError, ValueError) as error:
        yield Difference(what=f"cannot be read: {error}", file=name)
        return
    yield from (Difference(what=wrong, file=name) for wrong in violations(PurePosixPath(name).stem, content))
    stated = content.pop("sha256")
    if (expected := sha256_of(content)) != stated:
        yield Difference(what="sha256 is not that of its content", file=name, expected=expected, got=stated)
    written = json.dumps({**content, "sha256": stated}, indent=1, sort_keys=True) + "\n"
    if text != written.encode():
        yield Difference(what=f"not written as a {path.stem} is", file=name)


def check_card(folder: Path, repo_id: str | None, *, written_by: str | None = RELEASE) -> Check:
    """The card's figures, and all its text but the user's notes, computed from the data again.

    Args:
        folder: the dataset folder.
        repo_id: the repository that the card should name; None: the one that it names.
        written_by: the version of il-builder that wrote the dataset, by its manifest; another one may have
            said the same in other words.
    """
    compared = "figures and text, computed again; ## Notes is the user's"
    try:
        text, rendered = rendered_again(folder, repo_id)
    except FileNotFoundError:
        return Check("card", compared, Difference(what="missing", file=CARD))
    except (UnicodeDecodeError, DatasetError) as error:
        return Check("card", compared, Difference(what=str(error), file=CARD))
    found = next(_card_differences(text, rendered), None)
    if found and written_by != RELEASE and same_header(text, rendered):
        version = f"version {written_by}" if written_by else "another version"
        return Check("card", f"its header; its text was written by {version}, and was not compared")
    return Check("card", compared, found)


def _card_differences(text: str, rendered: str) -> Iterator[Difference]:
    got, expected = text.splitlines(), rendered.splitlines()
    for number in range(max(len(got), len(expected))):
        pair = [lines[number] if number < len(lines) else "no such line" for lines in (expected, got)]
        if pair[0] != pair[1]:
            yield Difference(what=f"line {number + 1}", file=CARD, expected=repr(pair[0]), got=repr(pair[1]))
    if text != rendered:
        yield Difference(what="the ends of its lines", file=CARD)


def check_signature(folder: Path, allowed: Path) -> Check:
    """Manifest and card, signed by one of those that are asked for."""
    try:
        return Check("signature", f"manifest and card, signed by {signer(folder, allowed)}")
    except SignatureError as error:
        return Check("signature", f"signed by one of {allowed}", Difference(what=str(error), file=SIGNATURE))
