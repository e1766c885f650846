"""The card: what its header makes of the folder, what its text says, and that it is always the same."""

import json
import re
import statistics
from pathlib import Path

import datasets
import gymnasium as gym
import numpy as np
import pyarrow.parquet as pq
import pytest
from card_folders import CARTPOLE, inputs_of
from huggingface_hub import DatasetCard
from table_features import episode_features, transition_features

from builder.card import read_notes, render_card, write_card
from builder.episodes.spaces import Spaces
from builder.errors import DatasetError
from builder.manifest.manifest import MANIFEST, fingerprint, read_manifest

REWARDS = [[1.0] * 3, [1.0, 0.5], [-2.25], [1.0] * 7, [0.1] * 3]
NESTED = gym.spaces.Dict(
    image=gym.spaces.Box(0, 255, (4, 3, 3), np.uint8),
    pose=gym.spaces.Tuple([gym.spaces.Box(-1, 1, (2, 3), np.float64), gym.spaces.MultiBinary(3)]),
)


def table(card: str, heading: str, number: int = 0) -> list[list[str]]:
    """The cells of a table below a heading."""
    section = card.split(f"\n## {heading}\n")[1].partition("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section + "\n", re.MULTILINE)
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in tables[number].splitlines()
    ]


def figures(card: str) -> dict[str, list[str]]:
    """The table of figures, by label; the columns under ""."""
    return {line[0]: line[1:] for line in table(card, "Figures")}


@pytest.mark.parametrize("every", [0, 2])
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
            assert loaded[split].features == expected
            assert streamed[split].features == expected
            assert list(streamed[split]) == list(loaded[split])


def test_nested_spaces_and_images_keep_their_features(dataset):
    spaces = (NESTED, gym.spaces.MultiDiscrete([2, 3]))
    folder = dataset(REWARDS, spaces=spaces)
    write_card(folder)
    loaded = datasets.load_dataset(str(folder), split="train")
    assert loaded.features == transition_features(*spaces, next_observation=False)
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


def test_figures_are_those_of_the_parquet_files(dataset):
    inputs = inputs_of("episodes=4", "threshold=-1")
    folder = dataset(REWARDS, inputs=inputs, accepted=(-1, np.inf), every=2)
    shown = figures(render_card(folder))
    assert shown[""] == ["all", "train", "test"]
    assert shown["attempts played"] == ["5", "", ""]
    assert shown["acceptance rate"] == ["80.00%", "", ""]
    for column, pattern in enumerate(("*", "train-*", "test-*")):
        steps = sum(pq.read_metadata(path).num_rows for path in (folder / "data").glob(pattern))
        rows = [
            row for path in (folder / "episodes").glob(pattern) for row in pq.read_table(path).to_pylist()
        ]
        returns = [row["episode_return"] for row in rows]
        lengths = [row["length"] for row in rows]
        assert float(shown["episodes"][column]) == len(rows)
        assert float(shown["steps"][column]) == steps == sum(lengths)
        for what, numbers in (("return", returns), ("length", lengths)):
            mean, std = shown[f"{what}: mean ± standard deviation"][column].split(" ± ")
            assert float(mean) == pytest.approx(statistics.fmean(numbers), abs=5e-4)
            assert float(std) == pytest.approx(statistics.pstdev(numbers), abs=5e-4)
            spread = shown[f"{what}: minimum / median / maximum"][column].split(" / ")
            expected = [min(numbers), statistics.median(numbers), max(numbers)]
            assert [float(value) for value in spread] == pytest.approx(expected, abs=5e-4)
        for flag in ("terminated", "truncated"):
            count = sum(row[flag] for row in rows)
            assert shown[flag][column] == f"{count} ({100 * count / len(rows):.0f}%)".replace("50%", "50.00%")


def test_text_says_how_it_was_collected(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=4", "threshold=-1", "seed=7"), accepted=(-1, np.inf))
    card = render_card(folder)
    collected = dict(table(card, "How it was collected"))
    assert collected["environment"] == "`CartPole-v1`"
    assert collected["root seed"] == "7"
    assert collected["accepted"] == "return at least -1"
    assert collected["its archive's sha256"] == f"`{inputs_of()['expert']['sha256']}`"
    assert "4 of 5 attempts" in card
    assert "1 attempt of 5 were rejected by return" not in card
    assert "1 attempt of 5 was rejected by return" in card


def test_components_of_a_known_environment_have_names_and_units(dataset):
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))
    assert table(card, "Columns", 2)[2:] == [
        ["0", "cart position", "m", "-4.8 to 4.8"],
        ["1", "cart velocity", "m/s", "unbounded"],
        ["2", "pole angle", "rad", "-0.4189 to 0.4189"],
        ["3", "pole angular velocity", "rad/s", "unbounded"],
    ]


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1"])
def test_every_component_of_the_known_environments_is_named(env_id):
    from builder.card.columns import components

    env = gym.make(env_id)
    observation, action = components(env_id, Spaces(env.observation_space, env.action_space))
    assert len(observation.splitlines()) == 2 + env.observation_space.shape[0]
    assert len(action.splitlines()) == 2 + getattr(env.action_space, "n", 1)


def test_components_that_do_not_fit_the_spaces_are_not_named(dataset):
    spaces = (gym.spaces.Box(-1, 1, (3,)), gym.spaces.Discrete(3))
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5"), spaces=spaces))
    assert "cart position" not in card
    assert "as the environment defines them" in card


def test_recorded_files_without_a_configuration_have_a_card_that_says_so(dataset):
    card = render_card(dataset(REWARDS))
    assert "5 episodes (16 steps), put together from recorded files." in card
    assert "no command can play them again" in card
    assert "il-builder expert=" not in card


def test_licence_is_in_header_and_text_only_when_stated(dataset):
    silent = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))
    assert "license" not in DatasetCard(silent).data.to_dict()
    assert "## Licence\n\nNot stated." in silent
    stated = render_card(
        dataset(REWARDS, name="stated", inputs=inputs_of("episodes=5", "dataset.license=cc-by-4.0"))
    )
    assert DatasetCard(stated).data.license == "cc-by-4.0"
    assert "## Licence\n\n`cc-by-4.0`" in stated


def test_limits_name_what_was_given_up(dataset):
    unpinned = {"name": "mine", "source": "python", "algo": None, "version": "not pinned", "target": "a:b"}
    inputs = inputs_of("episodes=5", "dataset.next_observation=false", expert=unpinned)
    card = render_card(dataset(REWARDS, inputs=inputs))
    assert "The expert is not pinned, so nobody can tell" in card
    assert "Next observations are not repeated" in card
    single = render_card(
        dataset(REWARDS, name="single", inputs=inputs_of("episodes=5", "rollout.precision=float32"))
    )
    assert "Inference was in float32" in single
    assert "byte for byte" not in single


def test_notes_survive_and_nothing_else_does(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    assert read_notes(folder) is None
    write_card(folder, notes="Mine.\n\n## Not ours\n{{ title }} | `x`")
    first = (folder / "README.md").read_text()
    (folder / "README.md").write_text(first.replace("# CartPole", "# My CartPole"))
    write_card(folder)
    assert (folder / "README.md").read_text() == first
    assert read_notes(folder) == "Mine.\n\n## Not ours\n{{ title }} | `x`"
    assert first.endswith("\n## Notes\n\nMine.\n\n## Not ours\n{{ title }} | `x`\n")


def test_the_same_folder_gives_the_same_bytes(dataset):
    folders = [dataset(REWARDS, name=name, inputs=inputs_of("episodes=5")) for name in ("one", "other")]
    for folder in folders:
        write_card(folder)
    for name in ("README.md", "manifest.json", "assets/returns.png"):
        one, other = [(folder / name).read_bytes() for folder in folders]
        assert one == other
    assert render_card(folders[0]) == (folders[0] / "README.md").read_text()
    assert str(folders[0]) not in (folders[0] / "README.md").read_text()


def test_the_manifest_lists_the_assets_but_not_the_card_and_keeps_its_fingerprint(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    before = read_manifest(folder)
    write_card(folder)
    after = read_manifest(folder)
    assert set(after.files) - set(before.files) == {"assets/returns.png"}
    assert after.fingerprint == before.fingerprint == fingerprint(after.identity, after.files)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {*after.files, MANIFEST, "README.md"}


def test_the_lines_that_load_name_the_repository_or_a_placeholder(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    assert 'load_dataset("path/to/this/folder", "episodes", split="train")' in render_card(folder)
    assert 'load_dataset("me/mine", "episodes", split="train")' in render_card(folder, repo_id="me/mine")


def test_a_name_cannot_break_out_of_the_markdown(dataset):
    hostile = {
        "name": "a|b`\n## Notes\n",
        "source": "python",
        "algo": "<b>",
        "version": "`1`",
        "target": "a:b",
    }
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5", expert=hostile)))
    assert DatasetCard(card).data.pretty_name == "CartPole-v1: expert trajectories of a|b ## Notes"
    body = card.split("\n---\n", 1)[1]
    assert "\n## Notes" not in body
    assert dict(table(card, "How it was collected"))["its algorithm"] == "`<b>`"


def test_figures_that_contradict_the_manifest_are_refused(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    content = json.loads((folder / MANIFEST).read_text())
    content["splits"]["train"]["episodes"] = 6
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="6 episodes and 16 steps in 'train'; got 5 and 16"):
        render_card(folder)


def test_a_manifest_without_the_keys_of_a_build_is_refused(dataset):
    folder = dataset(
        REWARDS, inputs={"config": {"seed": 0}, "expert": {"name": 1}, "environment": {"id": "x"}}
    )
    with pytest.raises(DatasetError, match="does not describe a build"):
        render_card(folder)


def test_a_folder_without_a_dataset_is_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match="there is no dataset at"):
        write_card(tmp_path)
    assert not list(tmp_path.iterdir())
