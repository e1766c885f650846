"""`load` opens folders and repositories alike: whole or not at all, with and without a network."""

import json
import pickle
import shutil
import sys
import time
from pathlib import Path

import hub_clients
import numpy as np
import pytest
from hub_cases import REPOSITORY, build, files

from builder import load
from builder.errors import ConfigError, DatasetError, HubMissingError, HubUnreachableError

COLUMNS = ["episode_index", "step_index", "observation", "action", "reward"]


@pytest.fixture
def published(hub, clients, folder):
    clients(hub_clients.push, folder, REPOSITORY)
    return folder


def same(ours, theirs):
    return list(ours) == list(theirs) and all(
        ours[name].dtype == theirs[name].dtype and np.array_equal(ours[name], theirs[name]) for name in ours
    )


@pytest.mark.parametrize("split", [None, "train", "test"])
def test_a_repository_gives_the_arrays_of_the_folder_in_their_exact_dtypes(clients, published, split):
    arrays = clients(hub_clients.arrays, REPOSITORY, split=split)
    assert same(arrays, load(published, split=split).arrays())
    assert arrays["observation"].dtype == arrays["reward"].dtype == np.float64


def test_tensors_have_the_dtypes_of_the_arrays(clients, published):
    dtypes = clients(hub_clients.described, REPOSITORY)["dtypes"]
    assert dtypes["observation"] == dtypes["reward"] == "torch.float64"
    assert dtypes["action"] == "torch.int64"
    assert dtypes["terminated"] == "torch.bool"


def test_a_revision_is_a_tag_or_a_commit(clients, published, tmp_path):
    first = clients(hub_clients.push, published, REPOSITORY)
    wanted = load(published).arrays()
    clients(hub_clients.push, build(tmp_path / "other", seed=1), REPOSITORY)
    for revision in (first.tag, first.commit):
        assert same(clients(hub_clients.arrays, REPOSITORY, revision=revision), wanted)
    assert not same(clients(hub_clients.arrays, REPOSITORY), wanted)


def test_episodes_one_episode_and_a_sample_agree(folder):
    dataset = load(folder)
    episodes = list(dataset.episodes())
    assert len(episodes) == len(dataset) == 16
    assert [episode.index for episode in dataset] == [episode.index for episode in episodes]
    assert dataset.episode(-1).index == dataset[-1].index == episodes[-1].index
    sampled = [episode.index for episode in dataset.sample(5, seed=3)]
    assert sampled == [episode.index for episode in dataset.sample_episodes(5, seed=3)]
    assert len(set(sampled)) == 5


def test_an_episode_that_there_is_not_is_named(folder):
    dataset = load(folder)
    for index in (16, -17):
        with pytest.raises(IndexError, match=f"there is no episode {index}: train has 16"):
            dataset.episode(index)
    with pytest.raises(TypeError, match="'slice' object cannot be interpreted as an integer"):
        dataset[1:3]


def test_a_loaded_dataset_goes_to_other_processes(folder):
    dataset = load(folder)
    dataset.arrays()
    copy = pickle.loads(pickle.dumps(dataset))
    assert same(copy.arrays(), dataset.arrays())
    assert (repr(copy), copy.manifest) == (repr(dataset), dataset.manifest)


def test_tables_are_memory_mapped(folder):
    dataset = load(folder)
    assert dataset.transitions.cache_files
    assert dataset.episode_table.cache_files


def test_a_split_that_there_is_not_is_named(folder):
    with pytest.raises(ConfigError, match="has no split 'tset'; did you mean 'test'"):
        load(folder, split="tset")


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


SEED_ROWS = [
    {"obs": [0.1, 1.0], "actions": 1, "rewards": 1.0, "episode_starts": 1.0},
    {"obs": [0.2, 2.0], "actions": 0, "rewards": 2.0, "episode_starts": 0.0},
    {"obs": [0.3, 3.0], "actions": 1, "rewards": 4.0, "episode_starts": 0.0},
    {"obs": [0.4, 4.0], "actions": 0, "rewards": 8.0, "episode_starts": 1.0},
]


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def seed_folder(tmp_path, rows):
    path = tmp_path / "seed"
    path.mkdir()
    (path / "teacher.jsonl").write_bytes(jsonl(rows))
    return path


def test_a_dataset_of_the_seed_project_opens_as_the_same_object(tmp_path):
    dataset = load(seed_folder(tmp_path, SEED_ROWS))
    arrays = dataset.arrays()
    assert list(arrays) == COLUMNS
    assert arrays["observation"].dtype == np.float64
    np.testing.assert_array_equal(arrays["observation"], [row["obs"] for row in SEED_ROWS])
    np.testing.assert_array_equal(arrays["episode_index"], [0, 0, 0, 1])
    np.testing.assert_array_equal(arrays["step_index"], [0, 1, 2, 0])
    first, second = dataset.episodes()
    assert (len(first), len(second), len(dataset)) == (3, 1, 2)
    assert (first.episode_return, second.episode_return) == (7.0, 8.0)
    assert dataset.episode_table["episode_return"][:] == [7.0, 8.0]
    assert [episode.index for episode in dataset.sample(2)] in ([0, 1], [1, 0])
    assert dataset.manifest.accepted == 2
    assert dataset.tensors()["reward"].dtype.is_floating_point


def test_what_a_seed_projects_episode_ends_in_is_not_known_and_says_so(tmp_path):
    episode = load(seed_folder(tmp_path, SEED_ROWS)).episode(0)
    np.testing.assert_array_equal(episode.observations[:3], [[0.1, 1.0], [0.2, 2.0], [0.3, 3.0]])
    assert np.isnan(episode.observations[3]).all()
    whole = [row | {"obs": [1, 2]} for row in SEED_ROWS]
    (tmp_path / "whole").mkdir()
    counted = load(seed_folder(tmp_path / "whole", whole)).episode(1).observations
    np.testing.assert_array_equal(counted, [[1, 2], [np.iinfo(np.int64).min] * 2])


def test_continuous_actions_and_plain_observations_of_the_seed_project_open(tmp_path):
    rows = [{"obs": 3, "actions": [0.5, -0.5], "rewards": 1, "episode_starts": True}] * 2
    dataset = load(seed_folder(tmp_path, rows))
    assert dataset.arrays()["action"].shape == (2, 2)
    assert dataset.arrays()["observation"].shape == (2,)
    assert dataset.arrays()["reward"].dtype == np.float64
    assert len(dataset) == 2


def test_a_dataset_of_the_seed_project_comes_from_the_hub(hub, clients):
    there = {"teacher.jsonl": jsonl(SEED_ROWS), "README.md": b"---\nlicense: mit\n---\n"}
    hub.store.add("dataset", "seed/CartPole-v1", there)
    found = clients(hub_clients.described, "seed/CartPole-v1")
    assert (found["split"], found["episodes"], found["returns"]) == ("train", 2, [7.0, 8.0])
    hub.fault("drop")
    assert clients(hub_clients.described, "seed/CartPole-v1") | {"first": 0} == found | {"first": 0}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"a": 1}],
            r"neither a dataset of ours nor one of the seed project; .*got no actions, episode_starts",
        ),
        ([SEED_ROWS[0] | {"obs": ["a.png"]}], "the column obs cannot be used; expected numbers"),
    ],
)
def test_what_is_no_dataset_of_trajectories_is_named(tmp_path, rows, message):
    with pytest.raises(DatasetError, match=message):
        load(seed_folder(tmp_path, rows))


def test_loading_a_folder_leaves_it_as_it_was(folder):
    before = files(folder)
    load(folder).arrays()
    assert files(folder) == before
