"""The expert plays again, and the first thing that it does otherwise is named."""

import shutil
from pathlib import Path

import hub_clients
import pytest
from older import build_older
from verification import STEPS, check, failure, rewrite

from builder.errors import HubMissingError
from builder.experts.policy import BUNDLED

AGENT, NAME = "user/ppo-CartPole-v1", "ppo-CartPole-v1.zip"


def names(report):
    return [check.name for check in report.checks if check.passed]


@pytest.fixture
def dataset(hub, clients, tmp_path):
    """A dataset folder whose expert lies on the Hub."""
    hub.store.add("model", AGENT, {NAME: (BUNDLED / "cartpole.zip").read_bytes()})
    out = str(tmp_path / "x")
    config = {"expert": "hub", "expert.repo_id": AGENT, "env.id": "CartPole-v1", "episodes": 2}
    clients(hub_clients.build, **config, out=out)
    return out


def test_a_rebuild_fetches_the_pinned_expert_and_no_newer_one(hub, clients, dataset):
    hub.store.write(hub.store.find("model", AGENT, None), {NAME: b"another archive"})
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


def test_a_rebuild_names_what_the_expert_does_otherwise(folder):
    def change(columns):
        row = columns["episode_index"].index(2)
        columns["reward"][row : row + 2] = [-0.5, -1.5]

    rewrite(folder, STEPS, change)
    name, difference = failure(folder, "rebuild")
    assert (name, difference.file, difference.episode, difference.step) == ("rebuild", STEPS, 2, 0)
    assert (difference.column, difference.expected, difference.got) == ("reward", "-1.0", "-0.5")


@pytest.mark.slow
def test_a_dataset_of_an_older_format_is_rebuilt_in_it(tmp_path):
    config = {"expert": "random", "env.id": "Acrobot-v1", "episodes": 2, "out": str(tmp_path / "x")}
    build_older(config)
    report = check(tmp_path / "x", "rebuild")
    report.raise_for_difference()
    assert report.notes == ()
