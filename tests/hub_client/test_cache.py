"""Files of the Hub's cache: where they lie, and whether they are what the Hub said."""

import hashlib
import subprocess

import pytest
from huggingface_hub import constants

from builder.hub_client.cache import (
    cached_digest,
    git_sha1,
    holds,
    is_intact,
    note_commit,
    noted_commit,
    snapshot_folder,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = b"some content\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_the_files_of_a_commit_lie_where_the_client_puts_them(cache):
    assert snapshot_folder("user/name", COMMIT) == cache / f"datasets--user--name/snapshots/{COMMIT}"
    assert snapshot_folder("user/name", COMMIT, "model") == cache / f"models--user--name/snapshots/{COMMIT}"


def test_a_branch_is_where_it_was_last_seen_and_a_commit_is_itself(cache):
    assert noted_commit("user/name", None) is None
    note_commit("user/name", None, COMMIT)
    assert noted_commit("user/name", None) == noted_commit("user/name", "main") == COMMIT
    assert noted_commit("user/other", COMMIT) == COMMIT


def test_a_cache_that_cannot_be_written_serves_all_the_same(cache):
    (cache / "datasets--user--name").touch()
    note_commit("user/name", None, COMMIT)
    assert noted_commit("user/name", None) is None


def test_the_name_of_a_blob_is_the_hash_that_its_file_should_have(tmp_path):
    blob, link = tmp_path / SHA256, tmp_path / "file.parquet"
    blob.write_bytes(CONTENT)
    link.symlink_to(blob)
    assert cached_digest(link) == SHA256
    assert is_intact(link)
    blob.write_bytes(CONTENT[:-1])
    assert not is_intact(link)


def test_a_file_of_no_such_name_is_taken_as_it_is(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    assert cached_digest(tmp_path / "file") is None
    assert is_intact(tmp_path / "file")


def test_small_files_are_known_by_gits_own_hash(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    expected = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert git_sha1(path) == expected.stdout.strip()
    assert holds(path, git_sha1(path))
    assert holds(path, SHA256)
    assert not holds(path, "0" * 40)


def test_a_blob_that_newer_clients_share_between_repositories_keeps_its_name(tmp_path):
    shared, blob, link = tmp_path / ("ab" * 32), tmp_path / SHA256, tmp_path / "file.parquet"
    shared.write_bytes(CONTENT)
    blob.symlink_to(shared)
    link.symlink_to(blob)
    assert cached_digest(link) == SHA256
    assert is_intact(link)
