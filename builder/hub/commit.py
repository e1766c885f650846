"""One commit: a repository on the Hub becomes what it is to hold, or stays what it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from builder.config import HubConfig
from builder.errors import (
    BuilderError,
    ConfigError,
    ExistsError,
    HubAccessError,
    HubConflictError,
    HubDamagedError,
    HubMissingError,
    HubUnreachableError,
)
from builder.hub.byte_bar import ByteBar
from builder.hub.local_files import LocalFile
from builder.hub.remote import Remote, read_remote
from builder.hub.tags import branches
from builder.hub.upload import CountedFile, interruptibly
from builder.hub_client.errors import LOG_IN, explained

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


def check_private(remote: Remote, hub: HubConfig) -> None:
    """Refuse a public repository where a private one is asked for.

    Raises:
        ConfigError: it is public.
    """
    if hub.private and not remote.private:
        raise ConfigError(
            f"{remote.repo_id} is public, so nothing pushed to it stays private",
            got="hub.private=true",
            remedy="make it private on its page, or choose another hub.repo_id",
        )


def check_token(repo_id: str) -> None:
    """Ask the Hub who we are; inside `connected()`.

    Raises:
        HubError: there is no valid token, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import LocalTokenNotFoundError

    try:
        HfApi().whoami()
    except LocalTokenNotFoundError as error:
        raise HubAccessError(f"there is no token to push to {repo_id} with", remedy=LOG_IN) from error
    except Exception as error:
        raise explained(error, repo_id) from error


def check_branch(remote: Remote, hub: HubConfig) -> None:
    """Refuse a branch that is not there, and a public repository where a private one is asked for.

    Raises:
        ConfigError: it is public.
        HubMissingError: there is no such branch.
    """
    check_private(remote, hub)
    if hub.revision and hub.revision not in (known := branches(remote.repo_id)):
        raise HubMissingError(
            f"{hub.revision} is not a branch of {remote.repo_id}, so nothing can be pushed to it",
            expected=", ".join(known),
            remedy="make the branch on the repository's page, or push without hub.revision",
        )


def refuse_foreign(remote: Remote, what: str) -> ExistsError:
    """The error of a repository that holds something else than what is to be pushed."""
    return ExistsError(
        f"the repository {remote.repo_id} holds something else than {what}",
        got=", ".join(sorted(remote.files)[:5]),
        remedy="choose another hub.repo_id, or give overwrite=true to replace what is there",
    )


def create(repo_id: str, hub: HubConfig) -> Remote:
    """Make a repository; inside `connected()`.

    Raises:
        HubError: the Hub refuses, or a branch is asked for.
    """
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
    check_private(remote, hub)  # each version of the client asks for it in other words
    return remote


@dataclass(frozen=True)
class Content:
    """What a repository is to hold.

    Attributes:
        files: by path within the repository.
        message: of the commit.
        within: the folder that holds nothing else then; "": the repository.
    """

    files: Mapping[str, LocalFile]
    message: str
    within: str = ""

    def owns(self, path: str) -> bool:
        """Whether a file of the repository is its own, to be deleted where it has none of this name."""
        return not self.within or path.startswith(f"{self.within}/")


def send(remote: Remote, content: Content, hub: HubConfig) -> Pushed:
    """Bring a repository from where it is to what it is to hold, in one commit; inside `connected()`.

    Raises:
        HubError: the Hub refuses or cannot be reached, somebody else has committed, or what it then holds
            is not what was sent.
    """
    files = content.files
    changed = [path for path, file in files.items() if not _same(remote, path, file)]
    gone = [path for path in remote.files if content.owns(path) and path not in files]
    if not changed and not gone:
        return Pushed(remote.repo_id, remote.commit, "")
    size = sum(files[path].size for path in changed)
    with ByteBar(f"push {remote.repo_id}", size) as bar:
        changes = {path: files[path] for path in changed}
        commit = _commit(remote, changes, gone, _Plan(hub, content, bar))
    now = read_remote(remote.repo_id, commit)
    if wrong := differences(now, content):
        raise HubDamagedError(
            f"{remote.repo_id} at {commit[:12]} does not hold what was pushed: {', '.join(wrong[:5])}",
            remedy="run the same command again; if it stays so, tell the Hub's support",
        )
    return Pushed(remote.repo_id, commit, "", tuple(changed), tuple(gone), size)


def _same(remote: Remote, path: str, file: LocalFile) -> bool:
    return path in remote.files and remote.files[path].is_at(file.path, file.sha256)


def differences(remote: Remote, content: Content) -> list[str]:
    """Files that the repository has otherwise, has not, or has beyond what it is to hold."""
    beyond = {path for path in remote.files if content.owns(path) and path not in content.files}
    other = {path for path, file in content.files.items() if not _same(remote, path, file)}
    return sorted(beyond | other)


@dataclass(frozen=True)
class _Plan:
    """What a commit is made from, beside the changes."""

    hub: HubConfig
    content: Content
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
            commit_message=plan.content.message,
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
    if differences(now, plan.content):
        raise HubConflictError(
            f"somebody else has committed to {remote.repo_id} meanwhile, so nothing of yours was committed",
            expected=f"commit {remote.commit[:12]}",
            got=now.commit[:12],
            remedy="look at what they did; the same command then puts this dataset on top of it",
        ) from failure
    return now.commit
