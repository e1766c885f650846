"""`publish`: an export in a repository on the Hub, where its format's own library finds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.config import HubConfig
from builder.errors import BuilderError, ConfigError, HubConflictError, HubDamagedError
from builder.exchange.note import NOTE, read_note
from builder.exchange.publication import Publication
from builder.hub.commit import (
    Content,
    Pushed,
    check_branch,
    check_token,
    create,
    differences,
    refuse_foreign,
    send,
)
from builder.hub.download import download_file
from builder.hub.local_files import LocalFile
from builder.hub.remote import Remote, check_name, find_remote
from builder.hub.secrets import check_secrets
from builder.hub.tags import move_tag, tag_commit, tagged
from builder.hub_client.retries import connected
from builder.storage.digest import file_sha256
from builder.storage.limits import MANIFEST_BYTES


def publish(
    files: Mapping[str, Path],
    publication: Publication,
    hub: HubConfig,
    *,
    message: str,
    overwrite: bool = False,
) -> Pushed:
    """Make a repository, or the export's folder of it, equal to an export.

    One commit, as `push` makes it; then the tags: `hub.tag` stays where it is, the format's own follows.

    Args:
        files: of the export, by path within it.
        publication: where they go.
        hub: the repository.
        message: of the commit.
        overwrite: replace what is in the export's place and no export of ours.

    Raises:
        DatasetError: what looks like a secret would be published, or something else is there.
        HubError: the Hub refuses, or cannot be reached.
    """
    repo_id = check_name(hub.repo_id)
    with connected(), TemporaryDirectory() as work:
        remote = find_remote(repo_id, hub.revision)
        if remote is not None:
            check_branch(remote, hub)
        placed = {publication.place(name): path for name, path in files.items()}
        shared = _shared(remote, publication, Path(work))
        content = Content(_measured({**placed, **shared}), message, publication.within)
        if remote is not None and not overwrite:
            _check_content(remote, publication, content)
        check_secrets(content.files)
        fixed = hub.tag if hub.tag != publication.tag else None
        known = tagged(repo_id, fixed) if remote is not None and fixed else None
        if known is not None and differences(known, content):
            raise HubConflictError(
                f"the tag {fixed} of {repo_id} names something else, at commit {known.commit[:12]}",
                remedy="choose another hub.tag",
            )
        pushed = send(remote or create(repo_id, hub), content, hub)
        if fixed and known is None:
            tag_commit(repo_id, fixed, pushed.commit)
        if publication.tag:
            move_tag(repo_id, publication.tag, pushed.commit)
    return dataclasses.replace(pushed, tag=fixed or publication.tag or "")


def check_publish(hub: HubConfig) -> None:
    """Find out before a long export what would keep it from being published; writes nothing.

    Raises:
        ConfigError: there is no name, or a signature is asked for.
        HubError: there is no valid token, or the repository must not be written.
    """
    repo_id = check_name(hub.repo_id)
    if hub.sign:
        raise ConfigError(
            "an export has no place for a signature",
            got="hub.sign=true",
            remedy="leave it out, or publish the dataset itself: il-builder push",
        )
    with connected():
        check_token(repo_id)
        if (remote := find_remote(repo_id, hub.revision)) is not None:
            check_branch(remote, hub)


def _measured(files: Mapping[str, Path]) -> dict[str, LocalFile]:
    return {
        name: LocalFile(path, path.stat().st_size, file_sha256(path)) for name, path in sorted(files.items())
    }


def _shared(remote: Remote | None, publication: Publication, work: Path) -> dict[str, Path]:
    """The files that are not the export's alone, as they are to be."""
    made = {}
    for number, (name, merged) in enumerate(publication.shared.items()):
        there = _content(remote, name) if remote is not None and name in remote.files else None
        made[name] = work / f"{number}{Path(name).suffix}"
        made[name].write_bytes(merged(there))
    return made


def _content(remote: Remote, name: str) -> bytes:
    """What a repository has in a file, if that is of a size that such a file has.

    Raises:
        HubError: it is larger, or does not arrive.
    """
    if (size := remote.files[name].size) > MANIFEST_BYTES:
        raise HubDamagedError(
            f"{name} of {remote.repo_id} has {size} bytes", expected=f"at most {MANIFEST_BYTES}"
        )
    return download_file(remote, remote.files[name]).read_bytes()


def _check_content(remote: Remote, publication: Publication, content: Content) -> None:
    """Refuse a repository that holds something else in the export's place, or that is of another kind.

    Raises:
        ExistsError: it does.
    """
    what = f"what an export to {publication.format} leaves"
    if any(content.owns(path) for path in remote.files):
        if not _is_ours(remote, publication):
            raise refuse_foreign(remote, what)
    elif remote.files and publication.mark not in remote.files:
        raise refuse_foreign(remote, what)


def _is_ours(remote: Remote, publication: Publication) -> bool:
    """Whether the note of an export to this format lies there."""
    name = publication.place(NOTE)
    if name not in remote.files:
        return False
    _content(remote, name)
    try:
        note = read_note(download_file(remote, remote.files[name]))
    except BuilderError:
        return False
    return note is not None and note.get("format") == publication.format
