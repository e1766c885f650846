"""Datasets of the seed project open as ours do."""

import json

import hub_clients
import numpy as np
import pytest

from builder import load
from builder.errors import DatasetError

COLUMNS = ["episode_index", "step_index", "observation", "action", "reward"]


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


OTHERS = "---\nconfigs:\n- config_name: default\n  data_files: {}\n---\n"


@pytest.mark.parametrize(
    "place", ["../other.jsonl", "{absolute}", "http://127.0.0.1:9/x.jsonl", "sub/../../other.jsonl"]
)
def test_a_card_has_no_file_outside_the_folder_opened(tmp_path, place):
    other = tmp_path / "other.jsonl"
    other.write_bytes(jsonl([row | {"rewards": 9.0} for row in SEED_ROWS]))
    folder = seed_folder(tmp_path, SEED_ROWS)
    (folder / "README.md").write_text(OTHERS.format(place.format(absolute=other)))
    assert load(folder).arrays()["reward"].tolist() == [1.0, 2.0, 4.0, 8.0]


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    folder = seed_folder(tmp_path, SEED_ROWS)
    (folder / "teacher.jsonl").rename(tmp_path / "other.jsonl")
    (folder / "teacher.jsonl").symlink_to("../other.jsonl")
    with pytest.raises(DatasetError, match="is a link that leads out of the dataset"):
        load(folder)


def test_splits_are_told_by_the_words_in_the_names_of_files(tmp_path):
    folder = seed_folder(tmp_path, SEED_ROWS)
    (folder / "teacher.jsonl").rename(folder / "cartpole_train-0.jsonl")
    (folder / "test").mkdir()
    (folder / "test/latest.jsonl").write_bytes(jsonl(SEED_ROWS[:3]))
    (folder / "latest.csv").write_text("a\n1\n")
    assert (len(load(folder).arrays()["reward"]), len(load(folder, split="test").arrays()["reward"])) == (
        4,
        3,
    )
