"""What `load` downloads is checked, kept in the cache, and fetched again where it is damaged."""

import sys
import time
from pathlib import Path

import hub_clients
import pytest
from folders import same
from hub_cases import REPOSITORY, build

from builder import load
from builder.errors import HubUnreachableError


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
    assert time.monotonic() - began < 30
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
