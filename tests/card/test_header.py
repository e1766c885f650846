"""The YAML at the top of the card."""

import datasets
import gymnasium as gym
import numpy as np
import pyarrow.parquet as pq
import pytest
from card_folders import CARTPOLE, REWARDS, figures, inputs_of, table
from huggingface_hub import DatasetCard, DatasetCardData
from sweeps import sweep
from table_features import as_datasets, episode_features, transition_features

from builder.card import render_card, write_card
from builder.card.header import size_category

NESTED = gym.spaces.Dict(
    image=gym.spaces.Box(0, 255, (4, 3, 3), np.uint8),
    pose=gym.spaces.Tuple([gym.spaces.Box(-1, 1, (2, 3), np.float64), gym.spaces.MultiBinary(3)]),
)


@sweep("every", [0, 2])
def test_load_dataset_gives_the_features_of_the_schema_to_both_configs_and_to_streams(dataset, every):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"), every=every)
    write_card(folder)
    splits = {"train", "test"} if every else {"train"}
    for config, expected in (
        (None, transition_features(CARTPOLE, gym.spaces.Discrete(2), next_observation=True)),
        ("transitions", transition_features(CARTPOLE, gym.spaces.Discrete(2), next_observation=True)),
        ("episodes", episode_features(CARTPOLE)),
    ):
        loaded = datasets.load_dataset(str(folder), config)
        assert set(loaded) == splits
        streamed = datasets.load_dataset(str(folder), config, streaming=True)
        for split in splits:
            assert loaded[split].features == as_datasets(expected)
            assert streamed[split].features == as_datasets(expected)
            assert list(streamed[split]) == list(loaded[split])


def test_nested_spaces_and_images_keep_their_features(dataset):
    spaces = (NESTED, gym.spaces.MultiDiscrete([2, 3]))
    folder = dataset(REWARDS, spaces=spaces)
    write_card(folder)
    loaded = datasets.load_dataset(str(folder), split="train")
    assert loaded.features == as_datasets(transition_features(*spaces, next_observation=False))
    assert loaded[0]["observation"]["image"].size == (3, 4)
    rows = [line[:4] for line in table((folder / "README.md").read_text(), "Columns") if "n." in line[0]]
    assert rows == [
        ["`observation.image`", "uint8, PNG", "4 × 3 × 3", "0 to 255"],
        ["`observation.pose.0`", "float64", "2 × 3", "-1 to 1"],
        ["`observation.pose.1`", "int8", "3", "0 or 1"],
    ]


def test_header_counts_rows_and_names_what_the_hub_searches_by(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"), every=2)
    header = DatasetCard(render_card(folder)).data.to_dict()
    assert header["pretty_name"] == "CartPole-v1: expert trajectories of cartpole"
    assert header["task_categories"] == ["reinforcement-learning"]
    assert header["size_categories"] == ["n<1K"]
    assert {"imitation-learning", "expert-trajectories", "CartPole-v1", "PPO"} <= set(header["tags"])
    assert [config["config_name"] for config in header["configs"] if config.get("default")] == ["transitions"]
    for described, place in zip(header["dataset_info"], ("data", "episodes"), strict=True):
        for split in described["splits"]:
            files = sorted((folder / place).glob(f"{split['name']}-*"))
            assert split["num_examples"] == sum(pq.read_metadata(file).num_rows for file in files)
        assert described["download_size"] == sum(file.stat().st_size for file in (folder / place).iterdir())


def test_header_is_written_as_the_hubs_own_library_writes_it(dataset):
    folder = dataset(
        REWARDS, inputs=inputs_of("episodes=5", "dataset.license='ß 1.0'"), spaces=(NESTED, CARTPOLE)
    )
    card = render_card(folder)
    header = card.split("---\n")[1]
    assert header.strip() == DatasetCardData(**DatasetCard(card).data.to_dict()).to_yaml()
    assert "license: ß 1.0\n" in header


def test_num_bytes_is_the_size_of_the_arrow_values(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    (size,) = DatasetCard(render_card(folder)).data.to_dict()["dataset_info"][0]["splits"]
    bits_of_a_row = 2 * 64 + 2 * 4 * 32 + 64 + 64 + 2  # indices, observations, action, reward, flags
    assert size["num_bytes"] == 16 * bits_of_a_row // 8


def test_a_split_without_episodes_is_not_declared(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    header = DatasetCard(render_card(folder)).data.to_dict()
    assert [[file["split"] for file in config["data_files"]] for config in header["configs"]] == [
        ["train"]
    ] * 2
    assert figures(render_card(folder))[""] == ["train"]


def test_licence_is_in_header_and_text_only_when_stated(dataset):
    silent = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))
    assert "license" not in DatasetCard(silent).data.to_dict()
    assert "## Licence\n\nNot stated." in silent
    stated = render_card(
        dataset(REWARDS, name="stated", inputs=inputs_of("episodes=5", "dataset.license=cc-by-4.0"))
    )
    assert DatasetCard(stated).data.license == "cc-by-4.0"
    assert "## Licence\n\n`cc-by-4.0`" in stated


def test_header_says_that_a_policy_made_it_for_this_dataset(dataset):
    played = inputs_of("episodes=5")
    header = DatasetCard(render_card(dataset(REWARDS, inputs=played))).data.to_dict()
    assert header["annotations_creators"] == ["machine-generated"]
    assert header["source_datasets"] == ["original"]
    own = {**played, "own": {"enjoy": "mine"}}
    for name, inputs in (("own", own), ("files", {})):
        header = DatasetCard(render_card(dataset(REWARDS, name=name, inputs=inputs))).data.to_dict()
        assert not {"annotations_creators", "source_datasets"} & header.keys()


@pytest.mark.parametrize(
    ("rows", "category"),
    [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (500_000, "100K<n<1M"), (10**13, "n>1T")],
)
def test_size_category(rows, category):
    assert size_category(rows) == category
