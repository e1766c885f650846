"""What a repository on the Hub holds at one commit, and whether a file of this machine is the same."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from builder.errors import ConfigError, HubDamagedError, HubMissingError
from builder.hub_client.cache import holds
from builder.hub_client.errors import LOG_IN, explained
from builder.manifest.manifest import UNLISTED, Manifest

log = logging.getLogger(__name__)

REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")
"""`user/name`."""
KINDS = ("model", "space")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository.

    Attributes:
        path: within the repository.
        size: in bytes.
        sha256: of a large file (LFS).
        blob: of any other: the sha1 that git knows it by.
    """

    path: str
    size: int
    sha256: str | None
    blob: str

    @property
    def key(self) -> str:
        """What the Hub client's cache calls it."""
        return self.sha256 or self.blob

    def is_at(self, path: Path, sha256: str | None = None) -> bool:
        """Whether a file of this machine holds the same bytes.

        Args:
            path: the file.
            sha256: of the file, where it is known.
        """
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        return self.key == sha256 if self.sha256 and sha256 else holds(path, self.key)


@dataclass(frozen=True)
class Remote:
    """A repository at one commit.

    Attributes:
        repo_id: `user/name`.
        commit: the commit.
        private: whether only some can see it.
        files: by path, without those that are not part of a dataset.
    """

    repo_id: str
    commit: str
    private: bool
    files: Mapping[str, RemoteFile]


def belongs(path: str) -> bool:
    """Whether a file is part of a dataset: not the Hub's own `.gitattributes`, nor anything hidden."""
    return not any(part.startswith(".") for part in PurePosixPath(path).parts)


def listed(remote: Remote, manifest: Manifest | None) -> Remote:
    """The repository without files that its manifest does not list; they stay where they are.

    Args:
        remote: the repository.
        manifest: its manifest; None: it has none, and all are taken.
    """
    if manifest is None:
        return remote
    known = {*manifest.files, *UNLISTED}
    return replace(remote, files={path: file for path, file in remote.files.items() if path in known})


def check_name(repo_id: str | None) -> str:
    """The name of a repository.

    Raises:
        ConfigError: it is missing, or is none.
    """
    if not repo_id:
        raise ConfigError("hub.repo_id must be given", remedy="add hub.repo_id=user/name to the command")
    if not REPO_ID.fullmatch(repo_id):
        raise ConfigError(f"{repo_id!r} is not the name of a repository", expected="user/name")
    return repo_id


def read_remote(repo_id: str, revision: str | None = None) -> Remote:
    """Ask the Hub what a dataset repository holds; inside `connected()`.

    Args:
        repo_id: `user/name`.
        revision: a branch, tag or commit; None: the branch `main`.

    Raises:
        HubError: it is not there, cannot be seen, is of another kind, or the Hub cannot be reached.
    """
    remote = find_remote(repo_id, revision)
    if remote is None:
        raise _missing(repo_id)
    return remote


def find_remote(repo_id: str, revision: str | None = None) -> Remote | None:
    """The same, or None where there is no such repository.

    Raises:
        HubError: it has no such revision, or cannot be read.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    try:
        info = api.repo_info(repo_id, repo_type="dataset", revision=revision)
        commit = str(info.sha)
        tree = list(api.list_repo_tree(repo_id, recursive=True, revision=commit, repo_type="dataset"))
    except RepositoryNotFoundError as error:
        if isinstance(error, GatedRepoError):
            raise explained(error, repo_id) from error
        return None
    except Exception as error:
        raise explained(error, repo_id, revision=revision) from error
    files = [
        RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
        for entry in tree
        if isinstance(entry, RepoFile) and belongs(_safe(entry.path))
    ]
    return Remote(repo_id, commit, bool(info.private), {file.path: file for file in files})


def _missing(repo_id: str) -> HubMissingError:
    """There is no such dataset: perhaps the name is that of a model or a space."""
    from huggingface_hub import HfApi

    for kind in KINDS:
        try:
            HfApi().repo_info(repo_id, repo_type=kind)
        except Exception as error:  # noqa: BLE001  (whatever it is, the first failure tells more)
            log.debug("%s is not a %s either: %s", repo_id, kind, type(error).__name__)
            continue
        remedy = f"to play it: expert=hub expert.repo_id={repo_id}" if kind == "model" else None
        return HubMissingError(f"{repo_id} is a {kind} on the Hub, not a dataset", remedy=remedy)
    return HubMissingError(
        f"the dataset {repo_id} is not on the Hub, or it is private",
        remedy=f"check its name; if it is private, {LOG_IN}",
    )


def _safe(path: str) -> str:
    """A path that stays inside a folder, whoever wrote it."""
    parts = PurePosixPath(path).parts
    if PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path:
        raise HubDamagedError(f"the repository has a file at {path!r}", expected="a path inside the folder")
    return path
