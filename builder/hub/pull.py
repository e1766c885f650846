"""`pull`: brings a repository to a dataset folder, whole or not at all."""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from builder.card import CARD, names_other_files, read_notes, render_card
from builder.config import HubConfig
from builder.errors import DatasetError, ExistsError, HubDamagedError
from builder.hub.download import Snapshot, download, download_file, remote_manifest, room_for
from builder.hub.remote import Remote, check_name, listed, read_remote
from builder.hub_client.retries import connected
from builder.manifest.manifest import MANIFEST, Manifest, owned_files, read_manifest
from builder.storage.digest import file_sha256
from builder.storage.disk import check_space
from builder.storage.lock import locked
from builder.storage.staging import replaced

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pulled:
    """What a pull ends with.

    Attributes:
        out: the dataset folder.
        repo_id: where it comes from.
        commit: of the repository.
        manifest: of the dataset; None where the repository has none.
        fresh: False where the folder held all of it already.
    """

    out: Path
    repo_id: str
    commit: str
    manifest: Manifest | None
    fresh: bool = True


def pull(hub: HubConfig, out: Path, *, overwrite: bool = False) -> Pulled:
    """Bring a repository to a folder. What was there stays until all has arrived and been checked.

    Args:
        hub: the repository and its revision.
        out: the folder.
        overwrite: replace a dataset that is another one.

    Raises:
        ExistsError: `out` holds something else.
        HubError: the Hub refuses, cannot be reached, or something does not arrive as it should.
        StorageError: the disk is full or not writable.
    """
    repo_id = check_name(hub.repo_id)
    with locked(out), connected():
        remote = read_remote(repo_id, hub.revision)
        manifest = remote_manifest(remote)
        if left := len(remote.files) - len((remote := listed(remote, manifest)).files):
            log.warning("%d files of %s are not in its manifest: they stay there", left, repo_id)
        if _same(remote, out):
            return Pulled(out, repo_id, remote.commit, manifest, fresh=False)
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            _check_replaced(out, remote, manifest, overwrite=overwrite)
        check_space(out.parent, room_for(remote, out.parent), "choose another `out`")
        if manifest is None:
            log.warning("%s has no %s: nothing tells whether it is what was once built", repo_id, MANIFEST)
        _copy(download(remote), out, repo_id)
    return Pulled(out, repo_id, remote.commit, manifest)


def _same(remote: Remote, out: Path) -> bool:
    """Whether a folder holds the files of a repository, and no other of a dataset's."""
    return set(remote.files) >= owned_files(out) and all(
        file.is_at(out / path) for path, file in remote.files.items()
    )


def _check_replaced(out: Path, remote: Remote, manifest: Manifest | None, *, overwrite: bool) -> None:
    """Refuse to replace what is not the same dataset, or a section of the user's own."""
    if not (out / MANIFEST).is_file():
        raise ExistsError(
            f"{out} exists and is not a dataset of ours", remedy="choose another `out`, or remove it yourself"
        )
    if overwrite:
        return
    wanted = manifest.fingerprint if manifest else "a repository without a manifest"
    if (found := read_manifest(out).fingerprint) != wanted:
        raise ExistsError(
            f"{out} holds another dataset",
            expected=f"fingerprint {wanted}",
            got=found,
            remedy="choose another `out`, or give overwrite=true to replace it",
        )
    card = remote.files.get(CARD)
    if (notes := read_notes(out)) and (
        card is None or notes != read_notes(download_file(remote, card).parent)
    ):
        raise ExistsError(
            f"the card in {out} has notes that the repository does not have",
            remedy="push them first, or give overwrite=true to lose them",
        )


def _copy(snapshot: Snapshot, out: Path, repo_id: str) -> None:
    """Copy a snapshot beside `out`, compare every byte, and put it in its place."""
    with replaced(out, MANIFEST, owned_files) as folder:
        for path in snapshot.files:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(snapshot.folder / path, target)
            _check_copy(snapshot, path, target)
        _mend_card(folder, snapshot.manifest, repo_id)


def _mend_card(folder: Path, manifest: Manifest | None, repo_id: str) -> None:
    """Put the card that the data give in place of one that has `load_dataset` read other files than these."""
    if not (folder / CARD).is_file() or not names_other_files(folder / CARD, manifest):
        return
    (folder / CARD).unlink()
    log.warning("the card of %s names files that are not the dataset's: it stays there", repo_id)
    if manifest is not None and manifest.splits:
        with suppress(DatasetError):
            (folder / CARD).write_text(render_card(folder, repo_id=repo_id), encoding="utf-8")


def _check_copy(snapshot: Snapshot, path: str, target: Path) -> None:
    listed = snapshot.manifest.files.get(path) if snapshot.manifest else None
    expected = listed.sha256 if listed else file_sha256(snapshot.folder / path)
    if (got := file_sha256(target)) != expected:
        raise HubDamagedError(
            f"{target} is not what was downloaded",
            expected=f"sha256 {expected}",
            got=got,
            remedy="pull it again",
        )
