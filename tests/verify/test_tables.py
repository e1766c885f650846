"""Tables that contradict themselves, or their manifest, are found, however well their hashes fit."""

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from card_folders import inputs_of
from gymnasium.spaces import Discrete
from sweeps import sweep
from verification import EPISODES as LINES
from verification import STEPS, failure, rewrite

from builder import Controller
from builder.dataset.columns import EPISODES, TABLES
from builder.episodes.spaces import SpacesOfMore
from builder.manifest.manifest import Rejected, read_manifest
from builder.verify.tables import COMPUTED, _at_a_time, check_tables

COMPUTED_LINES = [column for column in EPISODES if column.holds in (None, "seeds")]


class Shapes(gym.Env):
    """Observes a matrix and a picture."""

    observation_space = gym.spaces.Dict(
        matrix=gym.spaces.Box(-1, 1, (2, 3)), view=gym.spaces.Box(0, 255, (4, 5), np.uint8)
    )
    action_space = gym.spaces.Tuple([gym.spaces.Discrete(2), gym.spaces.Box(-1, 1, (2, 2))])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observe(), {}

    def step(self, action):
        return self._observe(), 1.0, False, False, {}

    def _observe(self):
        return {
            "matrix": self.np_random.random((2, 3), np.float32),
            "view": self.np_random.integers(0, 256, (4, 5), np.uint8),
        }


gym.register("Shapes-v0", entry_point=Shapes, max_episode_steps=4)


@pytest.fixture(scope="session")
def _corridor(tmp_path_factory):
    """A dataset with every column that a key of the configuration switches on, but for pictures."""
    out = tmp_path_factory.mktemp("tables") / "x"
    keys = [column.key for table in TABLES.values() for column in table]
    optional = {key.removeprefix("config."): True for key in keys if key.startswith("config.")}
    del optional["dataset.pixels"]
    config = {"expert": "random", "env.id": "Corridor-v0", "episodes": 70, **optional}
    Controller().start({**config, "out": str(out)})
    return out


@pytest.fixture
def corridor(_corridor, tmp_path):
    return Path(shutil.copytree(_corridor, tmp_path / "x"))


def found(folder):
    return check_tables(folder, read_manifest(folder)).difference


def another(value):
    if isinstance(value, list):
        return [another(value[0]), *value[1:]]
    if isinstance(value, bool):
        return not value
    return f"{value}x" if isinstance(value, str) else value + 1


def change(folder, path, name, position):
    table = pq.read_table(folder / path)
    values = table[name].to_pylist()
    values[position] = another(values[position])
    place, field = table.column_names.index(name), table.schema.field(name)
    pq.write_table(table.set_column(place, field, pa.array(values, field.type)), folder / path)


def edit(folder, path, edited):
    pq.write_table(edited(pq.read_table(folder / path)), folder / path)


def test_a_sound_dataset_has_no_difference(corridor):
    assert found(corridor) is None


@pytest.mark.parametrize("name", [column.name for column in COMPUTED])
def test_a_changed_value_of_a_step_is_found_in_every_column_that_follows_from_others(corridor, name):
    lines = pq.read_table(corridor / LINES).to_pylist()
    episode = next(line for line in lines if line["episode_index"] > 64 and line["length"] > 2)
    change(corridor, STEPS, name, episode["row_start"] + 1)
    difference = found(corridor)
    assert (difference.file, difference.column) == (STEPS, name)
    assert (difference.episode, difference.step) == (episode["episode_index"], 1)


@pytest.mark.parametrize("name", [column.name for column in COMPUTED_LINES])
def test_a_changed_value_of_an_episode_is_found_in_every_column_that_follows_from_others(corridor, name):
    change(corridor, LINES, name, 66)
    difference = found(corridor)
    assert (difference.file, difference.episode) == (LINES, 67 if name == "episode_index" else 66)
    assert difference.column in (name, "length")  # of the borders, the length differs from them


@pytest.mark.parametrize("name", ["terminated", "truncated"])
def test_a_changed_flag_of_an_episode_is_found_in_its_last_step(corridor, name):
    change(corridor, LINES, name, 66)
    difference = found(corridor)
    assert (difference.file, difference.episode, difference.column) == (STEPS, 66, name)


@pytest.mark.parametrize("path", [STEPS, LINES])
def test_a_missing_column_is_named(corridor, path):
    edit(corridor, path, lambda table: table.drop_columns(["truncated"]))
    difference = found(corridor)
    assert difference.file == path
    assert str(difference.expected) == "truncated: bool"


@pytest.mark.parametrize("path", [STEPS, LINES])
def test_a_column_too_many_is_named(corridor, path):
    edit(corridor, path, lambda table: table.append_column("more", pa.array(np.zeros(len(table)))))
    difference = found(corridor)
    assert (difference.file, difference.expected) == (path, "none")
    assert difference.got == "more: double"


def test_an_optional_column_that_the_manifest_asks_for_must_be_there(corridor):
    edit(corridor, STEPS, lambda table: table.drop_columns(["next_observation"]))
    assert found(corridor).expected.startswith("next_observation: ")


@pytest.mark.parametrize(("path", "name"), [(STEPS, "reward"), (LINES, "length")])
def test_a_column_of_another_type_is_named(corridor, path, name):
    def narrowed(table):
        place = table.column_names.index(name)
        return table.set_column(place, name, table[name].cast(pa.float32()))

    edit(corridor, path, narrowed)
    difference = found(corridor)
    assert (difference.file, difference.got) == (path, f"{name}: float")


def test_a_value_that_is_missing_is_found(corridor):
    def without(table):
        place = table.column_names.index("length")
        return table.set_column(
            place, "length", pa.array([None, *table["length"].to_pylist()[1:]], pa.int64())
        )

    edit(corridor, LINES, without)
    assert "does not hold the values of its space" in str(found(corridor))


def test_steps_of_no_episode_are_found(corridor):
    def shorter(table):
        lines = table.to_pylist()
        lines[-1]["length"] -= 1
        lines[-1]["row_end"] -= 1
        return pa.Table.from_pylist(lines, table.schema)

    lengths = pq.read_table(corridor / LINES)["length"].to_pylist()
    assert lengths[-1] > 1
    edit(corridor, LINES, shorter)
    difference = found(corridor)
    assert (difference.expected, difference.got) == (sum(lengths), sum(lengths) - 1)


def test_an_episode_without_steps_is_found(corridor):
    def emptied(table):
        lines = table.to_pylist()
        lines[3]["length"] += lines[2]["length"]
        lines[3]["row_start"] = lines[2]["row_end"] = lines[2]["row_start"]
        lines[2]["length"] = 0
        return pa.Table.from_pylist(lines, table.schema)

    edit(corridor, LINES, emptied)
    difference = found(corridor)
    assert (difference.episode, difference.column, difference.expected) == (2, "length", "1")


def test_arrays_images_and_structs_have_the_types_of_their_spaces(tmp_path):
    out = tmp_path / "x"
    Controller().start({"expert": "random", "env.id": "Shapes-v0", "episodes": 3, "out": str(out)})
    assert found(out) is None


def test_a_swapped_pair_of_rows_is_noticed_behind_hashes_that_fit(folder):
    def swap(columns):
        for column in columns.values():
            column[3], column[4] = column[4], column[3]

    rewrite(folder, STEPS, swap)
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode) == ("tables", STEPS, 0)
    assert (difference.step, difference.column) == (2, "next_observation")


def test_a_changed_seed_is_noticed_behind_hashes_that_fit(folder):
    def change(columns):
        columns["seed"][2] += 1

    rewrite(folder, LINES, change)
    name, difference = failure(folder)
    assert (name, difference.episode, difference.column) == ("tables", 2, "seed")
    assert int(difference.got) == int(difference.expected) + 1


@sweep(
    ("column", "position", "value"),
    [("length", 1, 499), ("episode_return", 3, -1.0), ("row_start", 2, 7), ("attempt_index", 4, 0)],
    quick=2,
)
def test_a_changed_line_of_the_episodes_is_noticed_behind_hashes_that_fit(folder, column, position, value):
    def change(columns):
        columns[column][position] = value

    rewrite(folder, LINES, change)
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode) == ("tables", LINES, position)


@pytest.mark.parametrize(
    "said",
    [Rejected(1, (2.0,)), Rejected(3, (-3.0,)), Rejected(1, (-3.0, -2.0)), Rejected(2, (-2.0, -3.0))],
    ids=["an accepted one", "too many", "more than are counted", "out of order"],
)
def test_returns_of_rejected_attempts_that_cannot_be_are_found(dataset, said):
    rewards = [[5.0], [-3.0], [-2.0], [1.0]]
    inputs = {**inputs_of("episodes=2", "threshold=0"), "own": {"collate": "mine"}}
    folder = dataset(rewards, inputs=inputs, accepted=(0, np.inf))
    manifest = read_manifest(folder)
    assert manifest.rejected == Rejected(2, (-3.0, -2.0))
    assert check_tables(folder, manifest).difference is None
    wrong = check_tables(folder, dataclasses.replace(manifest, rejected=said)).difference
    assert wrong is not None
    assert "reject" in wrong.what


@pytest.mark.parametrize(("size", "episodes"), [((4, 6), 64), ((84, 84), 24), ((1024, 1024), 1)])
def test_episodes_with_large_pictures_are_looked_at_few_at_a_time(size, episodes):
    spaces = SpacesOfMore(Discrete(2), Discrete(2), size)
    assert _at_a_time(SimpleNamespace(spaces=spaces), steps=500) == episodes
