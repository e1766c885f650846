"""Files of a repository come when they are asked for, once, and checked."""

import hub_clients
import pytest
from hub_cases import REPOSITORY, repository

from builder.errors import DatasetError, HubDamagedError

SHARD = "data/train-00000-of-00001.parquet"


def test_opening_brings_the_manifest_and_no_shard(hub, clients, published):
    clients(hub_clients.on_demand, REPOSITORY, [])
    assert hub.requests("resolve/.*manifest.json")
    assert not hub.requests("resolve/.*parquet")


def test_a_file_comes_when_it_is_asked_for_and_once(hub, clients, published):
    found = clients(hub_clients.on_demand, REPOSITORY, [SHARD, SHARD])
    assert found == [(published / SHARD).read_bytes()] * 2
    assert len(hub.requests("GET /cdn")) == 1
    assert not hub.requests("resolve/.*episodes")


def test_what_the_repository_does_not_have_is_an_error(hub, clients, published):
    with pytest.raises(DatasetError, match="has no data/other"):
        clients(hub_clients.on_demand, REPOSITORY, ["data/other"])


def test_a_file_that_the_manifest_does_not_know_so_is_refused(hub, clients, published):
    hub.store.write(repository(hub), {SHARD: b"PAR1 other PAR1"})
    with pytest.raises(HubDamagedError, match="not what its manifest says"):
        clients(hub_clients.on_demand, REPOSITORY, [SHARD])


def test_a_repository_without_a_manifest_is_no_dataset_of_ours(hub, clients, published):
    hub.store.write(repository(hub), {}, remove=["manifest.json"])
    with pytest.raises(DatasetError, match="has no manifest"):
        clients(hub_clients.on_demand, REPOSITORY, [])
