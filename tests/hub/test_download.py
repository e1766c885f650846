"""What `load` downloads is checked, kept in the cache, and fetched again where it is damaged."""

import sys
import time
from pathlib import Path

import hub_clients
import pytest
from folders import files, same
from hub_cases import REPOSITORY, build, repository
from sweeps import sweep

from builder import load
from builder.errors import HubDamagedError, HubUnreachableError, StorageError
from builder.hub_client.retries import TRIES


def test_a_revision_is_a_tag_or_a_commit(clients, published, tmp_path):
    first = clients(hub_clients.push, published, REPOSITORY)
    wanted = load(published).arrays()
    clients(hub_clients.push, build(tmp_path / "other", seed=1), REPOSITORY)
    for revision in (first.tag, first.commit):
        assert same(clients(hub_clients.arrays, REPOSITORY, revision=revision), wanted)
    assert not same(clients(hub_clients.arrays, REPOSITORY), wanted)


@pytest.mark.slow
def test_without_a_network_the_cache_serves_and_says_what_it_has(hub, clients, published, shell):
    program = f"import builder; print(len(builder.load({REPOSITORY!r}).arrays()['reward']))"
    first = shell(sys.executable, "-c", program)
    assert first.returncode == 0, first.stderr
    offline = shell(sys.executable, "-c", program, HF_HUB_OFFLINE="1")
    began = time.monotonic()
    dead = shell(sys.executable, "-c", program, HF_ENDPOINT="http://127.0.0.1:9")
    assert time.monotonic() - began < 60
    for answer in (offline, dead):
        assert answer.stdout == first.stdout, answer.stderr


def test_a_cache_that_lacks_a_file_is_not_taken_for_the_dataset(hub, clients, published):
    snapshot = Path(clients(hub_clients.described, REPOSITORY)["folder"])
    (snapshot / "episodes/train-00000-of-00001.parquet").unlink()
    hub.fault("drop")
    with pytest.raises(
        HubUnreachableError, match=r"there is no folder user/corridor, and the Hub at .* cannot"
    ):
        clients(hub_clients.arrays, REPOSITORY)


def test_a_damaged_file_of_the_cache_is_fetched_again(hub, clients, published):
    snapshot = Path(clients(hub_clients.described, REPOSITORY)["folder"])
    blob = (snapshot / "data/train-00000-of-00001.parquet").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    assert same(clients(hub_clients.arrays, REPOSITORY), load(published).arrays())


def test_a_branch_that_has_moved_is_followed(hub, clients, published, tmp_path):
    clients(hub_clients.arrays, REPOSITORY)
    other = build(tmp_path / "other", seed=1)
    clients(hub_clients.push, other, REPOSITORY)
    assert same(clients(hub_clients.arrays, REPOSITORY), load(other).arrays())


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@sweep("where", ["GET /cdn/", "GET .*README.md", "GET .*manifest.json"])
def test_a_byte_that_is_flipped_on_the_way_is_fetched_again(hub, clients, published, out, where):
    fault = hub.fault("flip", where, times=1)
    clients(hub_clients.pull, REPOSITORY, out)
    assert fault.struck == 1
    assert files(out) == files(published)


def test_a_path_that_leads_out_of_the_folder_is_refused(hub, clients, published, out):
    hub.store.write(repository(hub), {"a/../../evil.txt": b"evil"})
    with pytest.raises(HubDamagedError, match=r"expected a path inside the folder"):
        clients(hub_clients.pull, REPOSITORY, out)
    assert not (out.parent / "evil.txt").exists()


@sweep("fault", [("status", 429), ("cut", 0), ("slow", 0)], ids=str)
def test_a_download_that_fails_three_times_goes_on(hub, clients, published, out, fault):
    hub.fault(fault[0], "GET /cdn/", status=fault[1], times=3, seconds=0.2)
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(published)


@pytest.mark.slow
def test_patience_is_with_each_of_the_files_that_come_at_once(hub, clients, out):
    there = {f"{index:02}.parquet": bytes([index]) * 9 for index in range(16)}
    for blob in hub.store.add("dataset", REPOSITORY, there).head.files.values():
        hub.fault("status", f"GET /cdn/{blob.sha256}", status=429, times=TRIES - 1)
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == there


def test_a_storage_that_cannot_be_reached_is_not_asked_for_ever(hub, clients, published, out):
    hub.fault("drop", "GET /cdn/")
    with pytest.raises(HubUnreachableError, match=r"the Hub at http://localhost:\d+ cannot be reached"):
        clients(hub_clients.pull, REPOSITORY, out)
    large = [blob for blob in repository(hub).head.files.values() if blob.sha256]
    assert len(hub.requests("/cdn/")) <= TRIES * len(large)


@sweep("xet", [False, True])
def test_large_files_come_and_go_over_http_whatever_else_the_hub_offers(hub, clients, folder, out, xet):
    hub.xet = xet
    clients(hub_clients.push, folder, REPOSITORY)
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(folder)
    large = [blob for blob in repository(hub).head.files.values() if blob.sha256]
    assert len(hub.requests("PUT /lfs/")) == len(hub.requests("GET /cdn/")) == len(large)


@pytest.mark.slow
def test_a_body_that_was_cut_off_is_not_downloaded_twice(hub, clients, out):
    hub.store.add("dataset", REPOSITORY, {"a.parquet": bytes(range(256)) * 400})
    hub.fault("cut", "GET /cdn/", times=1)
    clients(hub_clients.pull, REPOSITORY, out)
    assert [entry[2] for entry in hub.requests("GET /cdn/")] == [200, 200]
    assert (out / "a.parquet").read_bytes() == bytes(range(256)) * 400


def test_a_disk_without_room_for_it_is_said_before_anything_large_is_downloaded(hub, clients, published, out):
    # Once in the cache and once at `out`, which are on one disk here.
    size = sum(len(content) for content in files(published).values())
    with pytest.raises(StorageError, match=r"too little room; expected 0\.\d MB; got .*; free some space"):
        clients(hub_clients.pull_with_little_room, REPOSITORY, out, size)
    assert hub.requests("/cdn/") == []
    clients(hub_clients.pull_with_little_room, REPOSITORY, out, 2 * size)
    assert files(out) == files(published)
