"""A dataset of the Hub whose files come to the cache when they are first asked for, each checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from builder.errors import DatasetError, HubDamagedError
from builder.hub.download import download_file, remote_manifest
from builder.hub.remote import Remote, check_name, listed, read_remote
from builder.manifest.manifest import Manifest
from builder.storage.digest import file_sha256


@dataclass
class OnDemand:
    """A dataset repository at one commit, as far as it has come.

    Attributes:
        remote: what it holds.
        manifest: of the dataset.
    """

    remote: Remote
    manifest: Manifest
    _found: dict[str, Path] = field(default_factory=dict)
    _locks: dict[str, Lock] = field(default_factory=dict)

    def find(self, name: str) -> Path:
        """Where one of its files is in the cache; inside `connected()`.

        Several may ask at once: each file comes once.

        Raises:
            DatasetError: the repository has no such file.
            HubError: the Hub refuses, cannot be reached, or the file is not what the manifest says.
        """
        with self._locks.setdefault(name, Lock()):
            if name not in self._found:
                self._found[name] = self._brought(name)
            return self._found[name]

    def _brought(self, name: str) -> Path:
        file = self.remote.files.get(name)
        if file is None:
            raise DatasetError(f"{self.remote.repo_id} has no {name}")
        path = download_file(self.remote, file)
        entry = self.manifest.files.get(name)
        if entry is not None and (got := file.sha256 or file_sha256(path)) != entry.sha256:
            raise HubDamagedError(
                f"{name} of {self.remote.repo_id} at {self.remote.commit[:12]} is not what its manifest says",
                expected=f"sha256 {entry.sha256}",
                got=got,
                remedy="take another hub.revision, e.g. the tag of a push, or push the dataset again",
            )
        return path


def on_demand(repo_id: str, revision: str | None = None) -> OnDemand:
    """Open a dataset repository with no more than its manifest; inside `connected()`.

    Args:
        repo_id: `user/name`.
        revision: a branch, tag or commit; None: the branch `main`.

    Raises:
        DatasetError: it is not a dataset of ours.
        HubError: it is not there, or cannot be reached.
    """
    remote = read_remote(check_name(repo_id), revision)
    manifest = remote_manifest(remote)
    if manifest is None:
        raise DatasetError(f"{repo_id} has no manifest.json", remedy="il-builder pull brings it as it is")
    return OnDemand(listed(remote, manifest), manifest)
