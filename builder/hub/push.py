"""`push`: makes a repository equal to a dataset folder, in one commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from builder.card import name_repository
from builder.config import HubConfig
from builder.errors import (
    BuilderError,
    ConfigError,
    DatasetError,
    ExistsError,
    HubAccessError,
    HubConflictError,
    HubDamagedError,
    HubMissingError,
    HubUnreachableError,
    SignatureError,
)
from builder.hub.byte_bar import ByteBar
from builder.hub.download import remote_manifest
from builder.hub.local_files import LocalFile, local_files
from builder.hub.remote import Remote, check_name, find_remote, read_remote
from builder.hub.secrets import check_secrets
from builder.hub.tags import branches, check_tag, tag_commit, tagged
from builder.hub.upload import CountedFile, interruptibly
from builder.hub_client.errors import LOG_IN, explained
from builder.hub_client.retries import connected
from builder.manifest.manifest import Manifest, read_manifest
from builder.manifest.signature import is_of_its_content, sign
from builder.storage.lock import locked
from builder.storage.paths import expanded

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, CommitOperationAdd

MAIN = "main"
"""The only branch of a new repository."""


@dataclass(frozen=True)
class Pushed:
    """What a push ends with.

    Attributes:
        repo_id: the repository.
        commit: what its branch is at.
        tag: the tag of the dataset.
        uploaded: files that were sent.
        deleted: files that the folder no longer has.
        size: bytes of the files that were sent.
    """

    repo_id: str
    commit: str
    tag: str
    uploaded: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    size: int = 0

    @property
    def fresh(self) -> bool:
        """Whether a commit was made."""
        return bool(self.uploaded or self.deleted)


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
        remote = remote or _create(repo_id, hub)
        name_repository(folder, repo_id)  # now that there is one of this name
        _sign(folder, hub)
        pushed = _send(remote, local_files(folder, manifest), hub, manifest)
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
    from huggingface_hub import HfApi
    from huggingface_hub.errors import LocalTokenNotFoundError

    repo_id = check_name(hub.repo_id)
    with connected():
        try:
            HfApi().whoami()
        except LocalTokenNotFoundError as error:
            raise HubAccessError(f"there is no token to push to {repo_id} with", remedy=LOG_IN) from error
        except Exception as error:
            raise explained(error, repo_id) from error
        if (remote := find_remote(repo_id, hub.revision)) is not None:
            _check_target(remote, hub, overwrite=overwrite)


def _check_target(remote: Remote, hub: HubConfig, *, overwrite: bool) -> None:
    """Refuse a repository that must not be written over."""
    _check_private(remote, hub)
    if hub.revision and hub.revision not in (known := branches(remote.repo_id)):
        raise HubMissingError(
            f"{hub.revision} is not a branch of {remote.repo_id}, so nothing can be pushed to it",
            expected=", ".join(known),
            remedy="make the branch on the repository's page, or push without hub.revision",
        )
    if not remote.files or overwrite:
        return
    with suppress(DatasetError):  # a manifest that is not ours
        if remote_manifest(remote) is not None:
            return
    raise ExistsError(
        f"the repository {remote.repo_id} holds something else than a dataset of ours",
        got=", ".join(sorted(remote.files)[:5]),
        remedy="choose another hub.repo_id, or give overwrite=true to replace what is there",
    )


def _check_private(remote: Remote, hub: HubConfig) -> None:
    """Refuse a public repository where a private one is asked for."""
    if hub.private and not remote.private:
        raise ConfigError(
            f"{remote.repo_id} is public, so nothing pushed to it stays private",
            got="hub.private=true",
            remedy="make it private on its page, or choose another hub.repo_id",
        )


def _create(repo_id: str, hub: HubConfig) -> Remote:
    from huggingface_hub import HfApi

    if hub.revision not in (None, MAIN):
        raise HubMissingError(
            f"there is no dataset {repo_id} yet, so it has no branch {hub.revision!r}",
            remedy="push without hub.revision first",
        )
    try:
        HfApi().create_repo(repo_id, repo_type="dataset", private=hub.private, exist_ok=True)
    except Exception as error:
        raise explained(error, repo_id) from error
    remote = read_remote(repo_id, hub.revision)
    _check_private(remote, hub)  # each version of the client asks for it in other words
    return remote


def _send(remote: Remote, files: Mapping[str, LocalFile], hub: HubConfig, manifest: Manifest) -> Pushed:
    """Bring the repository from where it is to where the folder is."""
    changed = [path for path, file in files.items() if not _same(remote, path, file)]
    gone = [path for path in remote.files if path not in files]
    if not changed and not gone:
        return Pushed(remote.repo_id, remote.commit, "")
    size = sum(files[path].size for path in changed)
    with ByteBar(f"push {remote.repo_id}", size) as bar:
        commit = _commit(
            remote, {path: files[path] for path in changed}, gone, _Plan(hub, manifest, files, bar)
        )
    now = read_remote(remote.repo_id, commit)
    if wrong := _differences(now, files):
        raise HubDamagedError(
            f"{remote.repo_id} at {commit[:12]} does not hold what was pushed: {', '.join(wrong[:5])}",
            remedy="run the same command again; if it stays so, tell the Hub's support",
        )
    return Pushed(remote.repo_id, commit, "", tuple(changed), tuple(gone), size)


def _same(remote: Remote, path: str, file: LocalFile) -> bool:
    return path in remote.files and remote.files[path].is_at(file.path, file.sha256)


def _differences(remote: Remote, files: Mapping[str, LocalFile]) -> list[str]:
    """Files that the repository has otherwise, has not, or has beyond the folder's."""
    return sorted(
        path for path in {*files, *remote.files} if path not in files or not _same(remote, path, files[path])
    )


@dataclass(frozen=True)
class _Plan:
    """What a commit is made from, beside the changes."""

    hub: HubConfig
    manifest: Manifest
    files: Mapping[str, LocalFile]
    bar: ByteBar


def _commit(remote: Remote, changed: Mapping[str, LocalFile], gone: Sequence[str], plan: _Plan) -> str:
    """Upload and commit.

    An answer that got lost is no failure: the Hub may have made the commit, so its head is looked at first.
    """
    from huggingface_hub import CommitOperationDelete, HfApi

    api, branch = HfApi(), plan.hub.revision or MAIN
    where: Any = {"repo_id": remote.repo_id, "repo_type": "dataset", "revision": branch}
    stop = Event()
    additions = [_addition(path, file, plan.bar, stop) for path, file in changed.items()]
    deletions = [CommitOperationDelete(path) for path in gone]

    def upload() -> CommitInfo:
        api.preupload_lfs_files(additions=additions, free_memory=False, **where)
        made: CommitInfo = api.create_commit(
            operations=[*additions, *deletions],
            commit_message=f"{plan.manifest.accepted} episodes, fingerprint {plan.manifest.fingerprint}",
            parent_commit=remote.commit,
            **where,
        )
        return made

    try:
        made = interruptibly(upload, stop)
    except Exception as error:  # noqa: BLE001  (none is lost: it is raised again, explained)
        return _after_failure(explained(error, remote.repo_id, revision=branch), remote, plan)
    for path, file in changed.items():
        plan.bar.reach(path, file.size)  # also what the Hub had already, from an earlier push
    return str(made.oid)


def _addition(path: str, file: LocalFile, bar: ByteBar, stop: Event) -> CommitOperationAdd:
    """A file to send; what is read before it is sent, to know its hash, is not shown."""
    from huggingface_hub import CommitOperationAdd

    counted = CountedFile(file.path, stop)
    addition = CommitOperationAdd(path, counted)  # type: ignore[arg-type]  # it takes any BufferedIOBase
    counted.reached = lambda position: bar.reach(path, position)
    return addition


def _after_failure(failure: BuilderError, remote: Remote, plan: _Plan) -> str:
    """The commit if it was made all the same.

    Raises:
        HubConflictError: somebody else has committed.
        BuilderError: the failure itself.
    """
    if not isinstance(failure, (HubConflictError, HubUnreachableError)):
        raise failure
    try:
        now = read_remote(remote.repo_id, plan.hub.revision)
    except BuilderError:
        raise failure from failure.__cause__
    if now.commit == remote.commit:
        raise failure
    if _differences(now, plan.files):
        raise HubConflictError(
            f"somebody else has committed to {remote.repo_id} meanwhile, so nothing of yours was committed",
            expected=f"commit {remote.commit[:12]}",
            got=now.commit[:12],
            remedy="look at what they did; the same command then puts this dataset on top of it",
        ) from failure
    return now.commit
