"""Branches, and tags: a tag of ours names one dataset for ever; one that a format asks for follows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from builder.errors import HubConflictError
from builder.hub.local_files import LocalFile
from builder.hub.remote import Remote, read_remote
from builder.hub_client.errors import explained
from builder.manifest.manifest import FINGERPRINTED

if TYPE_CHECKING:
    from huggingface_hub import GitRefs


def tagged(repo_id: str, tag: str) -> Remote | None:
    """What a tag of a repository names; None where there is no such tag.

    Raises:
        HubError: the Hub refuses, or cannot be reached.
    """
    commit = _commit_of(repo_id, tag)
    return read_remote(repo_id, commit) if commit else None


def _commit_of(repo_id: str, tag: str) -> str | None:
    commits = [reference.target_commit for reference in _references(repo_id).tags if reference.name == tag]
    return commits[0] if commits else None


def branches(repo_id: str) -> list[str]:
    """The names of a repository's branches.

    Raises:
        HubError: the Hub refuses, or cannot be reached.
    """
    return sorted(reference.name for reference in _references(repo_id).branches)


def _references(repo_id: str) -> GitRefs:
    from huggingface_hub import HfApi

    try:
        return HfApi().list_repo_refs(repo_id, repo_type="dataset")
    except Exception as error:
        raise explained(error, repo_id) from error


def check_tag(known: Remote, tag: str, files: Mapping[str, LocalFile]) -> None:
    """Refuse a tag that names other data. Where only the card differs it stays at its first commit.

    Raises:
        HubConflictError: it does.
    """
    ours = {path for path in files if path.partition("/")[0] in FINGERPRINTED}
    theirs = {path for path in known.files if path.partition("/")[0] in FINGERPRINTED}
    same = ours == theirs and all(
        known.files[path].is_at(files[path].path, files[path].sha256) for path in sorted(ours)
    )
    if not same:
        raise HubConflictError(
            f"the tag {tag} of {known.repo_id} names another dataset, at commit {known.commit[:12]}",
            remedy="choose another hub.tag",
        )


def tag_commit(repo_id: str, tag: str, commit: str) -> None:
    """Give a commit a tag.

    Raises:
        HubConflictError: somebody else has just given it to another commit.
    """
    from huggingface_hub import HfApi

    try:
        HfApi().create_tag(repo_id, tag=tag, revision=commit, repo_type="dataset", exist_ok=True)
    except Exception as error:
        raise explained(error, repo_id) from error
    now = tagged(repo_id, tag)
    if now is None or now.commit != commit:
        raise HubConflictError(
            f"the tag {tag} of {repo_id} is at another commit", remedy="choose another hub.tag"
        )


def move_tag(repo_id: str, tag: str, commit: str) -> None:
    """Give a commit a tag that another one may have; the Hub does that in two steps.

    Raises:
        HubConflictError: somebody else has just given it to another commit.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    known = _commit_of(repo_id, tag)
    if known == commit:
        return
    if known is not None:
        try:
            HfApi().delete_tag(repo_id, tag=tag, repo_type="dataset")
        except RevisionNotFoundError:
            pass  # it is gone: the answer to the first try got lost
        except Exception as error:
            raise explained(error, repo_id) from error
    tag_commit(repo_id, tag, commit)
