"""Verification of a repository, and of a dataset whose expert lies on the Hub."""

import shutil
from pathlib import Path

import hub_clients
import pytest
from hub_cases import REPOSITORY
from huggingface_sb3 import EnvironmentName, ModelName, ModelRepoId

from builder.errors import HubMissingError, VerificationError
from builder.experts.policy import BUNDLED

NAME = ModelName("ppo", EnvironmentName("CartPole-v1"))
AGENT = str(ModelRepoId("user", NAME))


def names(report):
    return [check.name for check in report.checks if check.passed]


def test_a_repository_is_verified_as_a_folder_is(hub, clients, tmp_path):
    out = tmp_path / "x"
    clients(hub_clients.build, expert="cartpole", episodes=2, out=str(out))
    clients(hub_clients.push, out, REPOSITORY)
    report = clients(hub_clients.verify, repo_id=REPOSITORY, level="replay")
    report.raise_for_difference()
    assert report.dataset == REPOSITORY
    assert names(report) == ["manifest", "files", "provenance", "tables", "card", "replay"]


def test_of_a_repository_without_a_manifest_it_is_said_what_cannot_be_checked(hub, clients):
    hub.store.add("dataset", REPOSITORY, {"README.md": b"# theirs\n"})
    with pytest.raises(VerificationError, match="it has no manifest, so nothing says"):
        clients(hub_clients.verify, repo_id=REPOSITORY).raise_for_difference()


@pytest.fixture
def dataset(hub, clients, tmp_path):
    """A dataset folder whose expert lies on the Hub."""
    hub.store.add("model", AGENT, {NAME.filename: (BUNDLED / "cartpole.zip").read_bytes()})
    out = str(tmp_path / "x")
    config = {"expert": "hub", "expert.repo_id": AGENT, "env.id": "CartPole-v1", "episodes": 2}
    clients(hub_clients.build, **config, out=out)
    return out


def test_a_rebuild_fetches_the_pinned_expert_and_no_newer_one(hub, clients, dataset):
    hub.store.write(hub.store.find("model", AGENT, None), {NAME.filename: b"another archive"})
    report = clients(hub_clients.verify, out=dataset, level="rebuild")
    report.raise_for_difference()
    assert names(report)[-1] == "rebuild"


def test_an_expert_that_is_gone_is_an_error_of_its_own_and_nothing_is_left_behind(hub, clients, dataset):
    hub.store.repositories.clear()
    shutil.rmtree(clients.home)
    before = sorted(Path(dataset).parent.iterdir())
    with pytest.raises(HubMissingError):
        clients(hub_clients.verify, out=dataset, level="rebuild")
    assert sorted(Path(dataset).parent.iterdir()) == before
