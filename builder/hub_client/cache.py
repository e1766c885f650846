"""The cache of the Hub's client: where it keeps the files of a commit, and whether they are whole.

Its layout is public (`huggingface_hub`, "Understand caching"): `blobs/` holds files by their hash,
`snapshots/` links to them by commit and path, `refs/` says what a branch or tag was at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from builder.storage.digest import file_sha256

COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def repository_folder(repo_id: str, kind: str = "dataset") -> Path:
    """Where the cache has a repository."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo_id, repo_type=kind)


def snapshot_folder(repo_id: str, commit: str, kind: str = "dataset") -> Path:
    """Where the cache has the files of a commit."""
    return repository_folder(repo_id, kind) / "snapshots" / commit


def note_commit(repo_id: str, revision: str | None, commit: str, kind: str = "dataset") -> None:
    """Let the cache know what a branch or tag is at, as the client's `snapshot_download` does.

    A cache that cannot be written, such as one that many share, serves all the same.
    """
    name = revision or "main"
    if name != commit:
        reference = repository_folder(repo_id, kind) / "refs" / name
        with suppress(OSError):
            reference.parent.mkdir(parents=True, exist_ok=True)
            reference.write_text(commit)


def noted_commit(repo_id: str, revision: str | None, kind: str = "dataset") -> str | None:
    """The commit of a revision, as far as the cache knows; None: it does not."""
    name = revision or "main"
    if COMMIT.fullmatch(name):
        return name
    reference = repository_folder(repo_id, kind) / "refs" / name
    return reference.read_text().strip() if reference.is_file() else None


def note_listing(repo_id: str, commit: str, paths: Sequence[str], kind: str = "dataset") -> None:
    """Let the cache know which files a commit has; a cache that cannot be written serves all the same."""
    with suppress(OSError):
        listing = _listing(repo_id, commit, kind)
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text(json.dumps(sorted(paths)))


def noted_listing(repo_id: str, commit: str, kind: str = "dataset") -> list[str] | None:
    """The files that a commit has, as far as the cache knows; None: it does not."""
    try:
        listing = json.loads(_listing(repo_id, commit, kind).read_text())
    except (OSError, ValueError):
        return None
    return [str(path) for path in listing] if isinstance(listing, list) else None


def _listing(repo_id: str, commit: str, kind: str) -> Path:
    """Beside the client's own folders, which it leaves alone."""
    return repository_folder(repo_id, kind) / ".il-builder" / f"{commit}.json"


def is_intact(path: Path) -> bool:
    """Whether a file of the cache has the hash that the Hub stated for it: the name of what it links to.

    Where the file system has no links there is no such name, and the answer is True.
    """
    digest = cached_digest(path)
    return digest is None or holds(path, digest)


def cached_digest(path: Path) -> str | None:
    """The hash that the Hub stated for a file of the cache; None where nothing says it.

    It is the name of what the file links to, which newer clients may share with other repositories by a
    further link, whose name is no hash of its bytes.
    """
    name = path.readlink().name if path.is_symlink() else path.name
    return name if SHA256.fullmatch(name) or COMMIT.fullmatch(name) else None


def holds(path: Path, digest: str) -> bool:
    """Whether a file has a hash of the Hub's: the sha256 of a large file (LFS), git's sha1 of any other."""
    return (file_sha256(path) if SHA256.fullmatch(digest) else git_sha1(path)) == digest


def git_sha1(path: Path) -> str:
    """What git calls the bytes of a file."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
