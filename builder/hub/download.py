"""From a repository to the Hub client's cache: every file, in parallel, each compared with its hash."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from builder.errors import HubDamagedError, HubMissingError, HubUnreachableError
from builder.hub.byte_bar import ByteBar
from builder.hub.remote import Remote, RemoteFile, check_name, listed, read_remote
from builder.hub_client.cache import is_intact, note_commit, noted_commit, repository_folder, snapshot_folder
from builder.hub_client.download import download_file as fetch_file
from builder.hub_client.retries import connected
from builder.manifest.manifest import MANIFEST, Manifest, fingerprint, read_manifest
from builder.storage.digest import file_sha256
from builder.storage.disk import check_space, nearest_existing
from builder.storage.limits import MANIFEST_BYTES

log = logging.getLogger(__name__)

WORKERS = 8
"""Files that are downloaded at once; what the Hub's client itself takes."""
SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})\.\w+")
POLL = 0.25
"""Seconds between two looks at how far the downloads are."""


Finished = tuple[RemoteFile, Exception | None]


@dataclass(frozen=True)
class Snapshot:
    """A dataset repository at one commit, whole in the cache.

    Attributes:
        folder: where its files are; links into the cache.
        commit: the commit.
        files: their paths.
        manifest: None where the repository has none, so that nothing could be compared with it.
    """

    folder: Path
    commit: str
    files: tuple[str, ...]
    manifest: Manifest | None


def fetch(repo_id: str, revision: str | None = None) -> Snapshot:
    """Bring a dataset repository to the cache, or find it there where the Hub cannot be reached.

    Args:
        repo_id: `user/name`.
        revision: a branch, tag or commit; None: the branch `main`.

    Raises:
        HubError: it is not there, cannot be reached, or does not arrive as it should.
    """
    check_name(repo_id)
    with connected():
        try:
            remote = read_remote(repo_id, revision)
        except HubUnreachableError as error:
            snapshot = _cached(repo_id, revision)
            if snapshot is None:
                raise
            at = snapshot.commit[:12]
            log.warning("%s; %s comes from the cache, as it was at %s", error.what, repo_id, at)
            return snapshot
        snapshot = download(remote)
        note_commit(repo_id, revision, remote.commit)
        return snapshot


def download(remote: Remote) -> Snapshot:
    """Bring the files of a repository to the cache; inside `connected()`.

    Raises:
        HubError: the Hub refuses or cannot be reached, or a file does not arrive as it should.
    """
    manifest = remote_manifest(remote)
    remote = listed(remote, manifest)
    size = sum(file.size for file in remote.files.values())
    check_space(repository_folder(remote.repo_id), _to_come(remote), "let HF_HOME name another folder")
    with ByteBar(f"pull {remote.repo_id}", size) as bar:
        folder = _download_all(remote, bar)
    if manifest is not None:
        _check_manifest(remote, manifest, folder)
    return Snapshot(folder, remote.commit, tuple(remote.files), manifest)


def _download_all(remote: Remote, bar: ByteBar) -> Path:
    """Every file to the cache; the first failure stops those that have not begun.

    The threads are daemons: an interrupted pull ends at once, and what has arrived stays in the cache.
    """
    waiting: SimpleQueue[RemoteFile] = SimpleQueue()
    finished: SimpleQueue[Finished] = SimpleQueue()
    for file in remote.files.values():
        waiting.put(file)
    for _ in range(min(WORKERS, len(remote.files))):
        Thread(target=_work, args=(remote, waiting, finished), daemon=True).start()
    left = dict(remote.files)
    while left:
        try:
            file, failure = finished.get(timeout=POLL)
        except Empty:
            for file in left.values():
                bar.reach(file.path, _arrived(remote.repo_id, file))
            continue
        if failure is not None:
            _drain(waiting)
            raise failure
        bar.reach(file.path, left.pop(file.path).size)
    return snapshot_folder(remote.repo_id, remote.commit)


def _work(remote: Remote, waiting: SimpleQueue[RemoteFile], finished: SimpleQueue[Finished]) -> None:
    """Download files while there are any, and say of each how it went."""
    with suppress(Empty):
        while True:
            file = waiting.get_nowait()
            try:
                download_file(remote, file)
            except Exception as error:  # noqa: BLE001  (it is raised in the thread that waits)
                finished.put((file, error))
            else:
                finished.put((file, None))


def _drain(waiting: SimpleQueue[RemoteFile]) -> None:
    with suppress(Empty):
        while True:
            waiting.get_nowait()


def download_file(remote: Remote, file: RemoteFile) -> Path:
    """One file to the cache, compared with the hash that the Hub states; inside `connected()`.

    Raises:
        HubDamagedError: it differs, also when it is fetched once more.
        HubError: the Hub refuses, or cannot be reached.
    """
    try:
        path = fetch_file(remote.repo_id, file.path, remote.commit, kind="dataset", digest=file.key)
    except HubDamagedError as error:
        error.remedy = f"{error.remedy}, as no push sends another; or build it again from its manifest"
        raise
    if path is None:
        raise HubMissingError(f"{file.path} of {remote.repo_id} is gone", remedy="run the same command again")
    return path


def remote_manifest(remote: Remote) -> Manifest | None:
    """The manifest of a repository; None where it has none. Inside `connected()`.

    Raises:
        DatasetError: it has one that is not ours.
        HubError: the Hub refuses, cannot be reached, or the file does not arrive as it should.
    """
    if MANIFEST not in remote.files:
        return None
    if (size := remote.files[MANIFEST].size) > MANIFEST_BYTES:
        raise HubDamagedError(
            f"{MANIFEST} of {remote.repo_id} has {size} bytes", expected=f"at most {MANIFEST_BYTES}"
        )
    return read_manifest(download_file(remote, remote.files[MANIFEST]).parent)


def _check_manifest(remote: Remote, manifest: Manifest, folder: Path) -> None:
    """Compare what a manifest lists with what the repository holds and what has arrived."""
    for path, entry in manifest.files.items():
        found = remote.files.get(path)
        got = (found.sha256 or file_sha256(folder / path)) if found else "no file"
        if got != entry.sha256:
            raise HubDamagedError(
                f"{path} of {remote.repo_id} at {remote.commit[:12]} is not what its manifest says",
                expected=f"sha256 {entry.sha256}",
                got=got,
                remedy="take another hub.revision, e.g. the tag of a push, or push the dataset again",
            )
    if manifest.fingerprint != fingerprint(manifest.identity, manifest.files):
        raise HubDamagedError(
            f"the manifest of {remote.repo_id} does not have the fingerprint of its own files",
            remedy="take another hub.revision, e.g. the tag of a push",
        )


def _cached(repo_id: str, revision: str | None) -> Snapshot | None:
    """A repository as the cache has it, if all that its manifest lists is there and undamaged."""
    commit = noted_commit(repo_id, revision)
    if commit is None or not (folder := snapshot_folder(repo_id, commit)).is_dir():
        return None
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    manifest = read_manifest(folder) if MANIFEST in files else None
    if manifest is not None:
        listed = {folder / path: entry.sha256 for path, entry in manifest.files.items()}
        whole = all(path.is_file() and file_sha256(path) == sha256 for path, sha256 in listed.items())
    else:
        whole = _shards_are_whole(files) and all(is_intact(folder / path) for path in files)
    return Snapshot(folder, commit, tuple(files), manifest) if whole else None


def _shards_are_whole(files: Sequence[str]) -> bool:
    """Whether there is data, and of `NAME-00000-of-00004.parquet` all four: no manifest tells more."""
    found = [match for file in files if (match := SHARD.fullmatch(file))]
    counts = Counter((match["name"], int(match["count"])) for match in found)
    return bool(files) and all(number == count for (_, count), number in counts.items())


def _to_come(remote: Remote) -> int:
    """The bytes of a repository that the cache does not hold yet."""
    return sum(file.size - _arrived(remote.repo_id, file) for file in remote.files.values())


def room_for(remote: Remote, folder: Path) -> int:
    """The bytes that a copy takes on a disk, with what comes to the cache where that lies on the same."""
    size = sum(file.size for file in remote.files.values())
    cache = nearest_existing(repository_folder(remote.repo_id))
    return size + (_to_come(remote) if cache.stat().st_dev == nearest_existing(folder).stat().st_dev else 0)


def _arrived(repo_id: str, file: RemoteFile) -> int:
    """Bytes of a file that are in the cache by now."""
    blob = repository_folder(repo_id) / "blobs" / file.key
    for path in (blob, *blob.parent.glob(f"{file.key}*.incomplete")):  # newer clients name each try
        try:
            return path.stat().st_size
        except FileNotFoundError:
            continue
    return 0
