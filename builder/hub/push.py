"""`push`: makes a repository equal to a dataset folder, in one commit."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path

from builder.card import name_repository
from builder.config import HubConfig
from builder.errors import DatasetError, SignatureError
from builder.hub.commit import Content, Pushed, check_branch, check_token, create, refuse_foreign, send
from builder.hub.download import remote_manifest
from builder.hub.local_files import local_files
from builder.hub.remote import Remote, check_name, find_remote
from builder.hub.secrets import check_secrets
from builder.hub.tags import check_tag, tag_commit, tagged
from builder.hub_client.retries import connected
from builder.manifest.manifest import read_manifest
from builder.manifest.signature import is_of_its_content, sign
from builder.storage.lock import locked
from builder.storage.paths import expanded


def push(folder: Path, hub: HubConfig, *, overwrite: bool = False) -> Pushed:
    """Make a repository equal to a dataset folder.

    One commit, which fails where somebody else has committed meanwhile; what the Hub then holds is compared
    with the folder. An interrupted push leaves the repository at its old commit.

    Args:
        folder: the dataset folder; its card will name the repository.
        hub: the repository, and how it is made and tagged.
        overwrite: replace what is in a repository that holds no dataset of ours.

    Raises:
        DatasetError: there is no dataset, it is damaged, or what looks like a secret would be published.
        HubError: the Hub refuses, or cannot be reached.
    """
    repo_id = check_name(hub.repo_id)
    manifest = read_manifest(folder)
    tag = hub.tag or f"v-{manifest.fingerprint[:12]}"
    with locked(folder), connected():
        files = local_files(folder, manifest)
        check_secrets(files)
        remote = find_remote(repo_id, hub.revision)
        if remote is not None:
            _check_target(remote, hub, overwrite=overwrite)
        known = tagged(repo_id, tag) if remote is not None else None
        if known is not None:
            check_tag(known, tag, files)
        remote = remote or create(repo_id, hub)
        name_repository(folder, repo_id)  # now that there is one of this name
        _sign(folder, hub)
        message = f"{manifest.accepted} episodes, fingerprint {manifest.fingerprint}"
        pushed = send(remote, Content(local_files(folder, manifest), message), hub)
        if known is None:
            tag_commit(repo_id, tag, pushed.commit)
    return dataclasses.replace(pushed, tag=tag)


def _sign(folder: Path, hub: HubConfig) -> None:
    """Sign what is published; a signature that is there already must be of this manifest and this card.

    Raises:
        SignatureError: it is not, or there is no key.
    """
    if hub.sign:
        sign(folder, expanded(hub.key) if hub.key else None)
    elif not is_of_its_content(folder):
        raise SignatureError(
            "its signature is of another manifest or card: the card names its repository now",
            remedy="give hub.sign=true, or run il-builder sign",
        )


def check_push(hub: HubConfig, *, overwrite: bool = False) -> None:
    """Find out before a long build whether its push would be refused; writes nothing.

    Raises:
        ConfigError: there is no name.
        HubError: there is no valid token, or the repository must not be written.
    """
    repo_id = check_name(hub.repo_id)
    with connected():
        check_token(repo_id)
        if (remote := find_remote(repo_id, hub.revision)) is not None:
            _check_target(remote, hub, overwrite=overwrite)


def _check_target(remote: Remote, hub: HubConfig, *, overwrite: bool) -> None:
    """Refuse a repository that must not be written over."""
    check_branch(remote, hub)
    if not remote.files or overwrite:
        return
    with suppress(DatasetError):  # a manifest that is not ours
        if remote_manifest(remote) is not None:
            return
    raise refuse_foreign(remote, "a dataset of ours")
