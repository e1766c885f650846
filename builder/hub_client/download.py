"""One file of a repository, dataset or model, to the client's cache, whole."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from builder.errors import HubDamagedError
from builder.hub_client.cache import SHA256, cached_digest, holds
from builder.hub_client.errors import explained
from builder.hub_client.retries import persistently
from builder.storage.digest import file_sha256

log = logging.getLogger(__name__)


def download_file(repo_id: str, path: str, commit: str, *, kind: str, digest: str | None) -> Path | None:
    """Bring one file to the cache and compare it with the hash that the Hub states; inside `connected()`.

    The client does not notice other bytes of the right size, so a file that differs is fetched once more.

    Args:
        repo_id: `user/name`.
        path: within the repository.
        commit: of the repository.
        kind: dataset or model.
        digest: the sha256 or git's sha1 that the file must have; None: the one by which the cache calls it.

    Returns:
        Where it is; None where the repository has no such file, which the cache then knows.

    Raises:
        HubDamagedError: it differs again.
        HubError: the Hub refuses, or cannot be reached.
    """
    download = partial(_client_download, repo_id, path, commit, kind=kind)
    found = download(again=False)
    if found is not None and _damage(found, digest):
        log.warning("%s of %s arrived damaged", path, repo_id)
        found = download(again=True)
        if found is not None and (expected := _damage(found, digest)):
            raise HubDamagedError(
                f"{path} of {repo_id} arrives damaged",
                expected=f"{'sha256' if SHA256.fullmatch(expected) else 'git sha1'} {expected}",
                got=f"sha256 {file_sha256(found)}",
                remedy="try another network; if it stays so, the Hub's copy is damaged: tell its support",
            )
    return found


def _damage(found: Path, digest: str | None) -> str | None:
    """The hash that a file should have; None where it has it, or nothing states one."""
    expected = digest or cached_digest(found)
    return None if expected is None or holds(found, expected) else expected


def _client_download(repo_id: str, path: str, commit: str, *, kind: str, again: bool) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    options: Any = {"repo_type": kind, "revision": commit, "force_download": again}
    try:
        return Path(persistently(partial(hf_hub_download, repo_id, path, **options)))
    except Exception as error:
        if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
            return None
        raise explained(error, repo_id, kind=kind, revision=commit) from error
