"""`load` opens folders and repositories alike: whole or not at all."""

import shutil
import traceback
from pathlib import Path

import hub_clients
import numpy as np
import pytest
from corridor import Always
from folders import files, same
from hub_cases import REPOSITORY
from sweeps import sweep

from builder import Controller, Experts, Policy, build, load
from builder.errors import BuilderError, ConfigError, DatasetError, HubMissingError, HubUnreachableError


@sweep("split", [None, "train", "test"])
def test_a_repository_gives_the_arrays_of_the_folder_in_their_exact_dtypes(clients, published, split):
    arrays = clients(hub_clients.arrays, REPOSITORY, split=split)
    assert same(arrays, load(published, split=split).arrays())
    assert arrays["observation"].dtype == arrays["reward"].dtype == np.float64


def test_tensors_have_the_dtypes_of_the_arrays(clients, published):
    dtypes = clients(hub_clients.described, REPOSITORY)["dtypes"]
    assert dtypes["observation"] == dtypes["reward"] == "torch.float64"
    assert dtypes["action"] == "torch.int64"
    assert dtypes["terminated"] == "torch.bool"


def test_a_folder_has_no_revisions(folder):
    with pytest.raises(ConfigError, match="is a folder, which has no revisions"):
        load(folder, revision="v1")


def test_a_folder_goes_before_a_repository_of_the_same_name(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, "user/corridor")
    assert load("user/corridor").folder == Path("user/corridor")


def test_what_is_neither_folder_nor_repository_is_named_as_both(hub, clients):
    with pytest.raises(
        HubMissingError, match=r"there is no folder data/cartpol, and the dataset data/cartpol is"
    ):
        clients(hub_clients.arrays, "data/cartpol")
    with pytest.raises(DatasetError, match="there is no dataset at nowhere"):
        load(Path("nowhere"))


def test_a_few_episodes_are_loaded_by_number_share_or_list(folder):
    whole = load(folder)
    few = load(folder, episodes=4, seed=3)
    assert same(few.arrays(), whole.subset(4, seed=3).arrays())
    assert same(load(folder, episodes=0.25, seed=3).arrays(), few.arrays())
    listed = few.episode_table["episode_index"][:]
    assert same(load(folder, episodes=listed).arrays(), few.arrays())
    assert not same(load(folder, episodes=4).arrays(), few.arrays())


def test_loading_a_folder_leaves_it_as_it_was(folder):
    before = files(folder)
    load(folder).arrays()
    assert files(folder) == before


def test_build_takes_a_registered_policy_and_returns_its_dataset(tmp_path):
    Experts.register("righter", Policy("Corridor-v0", policy=Always, threshold=10.0, version="7"))
    dataset = build(expert="righter", episodes=6, out=tmp_path / "x")
    assert len(dataset) == 6
    assert min(dataset.episode_table["episode_return"]) >= 10
    assert set(dataset.arrays()["action"].tolist()) == {1}
    assert dataset.manifest.inputs["expert"]["version"] == "7"


def test_an_unknown_key_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'episodes'"):
        build(expert="random", episode=3, out=tmp_path / "x")


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        (lambda: build(epsiodes=3), "ConfigError: there is no key 'epsiodes'; did you mean 'episodes'?"),
        (lambda: build(expert="cartpol"), "ConfigError: there is no expert 'cartpol'; did you mean"),
        (lambda: build(episodes="many"), "could not be converted to Integer"),
        (lambda: build(expert="random", env={"id": "CartPole-v9"}), "there is no environment 'CartPole-v9'"),
        (lambda: load("nowhere"), "DatasetError: there is no dataset at nowhere: it has no manifest.json"),
        (lambda: Controller({"episodes": 3}), "ConfigError: enjoy is no function"),
        (lambda: Controller(lambda path: True), "ConfigError: enjoy cannot be called"),
    ],
)
def test_a_mistake_ends_in_one_line_below_our_own_code_alone(mistake, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BuilderError) as caught:
        mistake()
    shown = "".join(traceback.format_exception(caught.value))
    assert line in shown.splitlines()[-1]
    assert (shown.count("Traceback"), shown.count("site-packages")) == (1, 0)


def test_a_mistyped_folder_that_could_be_a_repository_shows_nothing_of_http(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HubUnreachableError) as caught:
        load("data/cartpol")
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1
