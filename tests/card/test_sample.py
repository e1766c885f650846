"""The steps that pictures are drawn of: all of a small dataset, and some from all over a large one."""

import gymnasium as gym
import numpy as np
import pyarrow.parquet as pq
import pytest

from builder import load
from builder.card.sample import MOST_COMPONENTS, read_sample, spaced
from builder.manifest.manifest import read_manifest

PIXELS = gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)
NESTED = gym.spaces.Dict(
    {
        "eye": PIXELS,
        "arm": gym.spaces.Dict({"angle": gym.spaces.Box(-1, 1, (2,)), "held": gym.spaces.Discrete(3)}),
        "stack": gym.spaces.Box(0, 255, (4, 8, 8), np.uint8),
    }
)


def test_all_steps_of_a_small_dataset_are_read_as_they_are(dataset):
    folder = dataset([[1.0] * 3, [1.0] * 4], every=2)
    found = read_sample(folder, read_manifest(folder))
    assert (found.steps, found.total) == (7, 7)
    arrays = [load(str(folder), split=split).arrays() for split in ("train", "test")]
    for part in found.parts:
        expected = np.concatenate([columns[part.name] for columns in arrays])
        np.testing.assert_array_equal(part.values, expected)


def test_parts_of_a_nested_space_are_read_without_its_pixels(dataset):
    folder = dataset([[1.0] * 3], spaces=(NESTED, gym.spaces.Discrete(2)))
    found = {part.name: part for part in read_sample(folder, read_manifest(folder)).parts}
    held = load(str(folder)).arrays()
    for name in ("observation.arm.angle", "observation.arm.held", "action"):
        np.testing.assert_array_equal(found[name].values, held[name])
    assert found["observation.eye"].values is None
    assert found["observation.stack"].values is None
    names = [name for name in found if found[name].part == "observation"]
    assert [found[name].first for name in names] == [0, 2, 3, 195]


def test_where_nothing_can_be_drawn_no_step_is_read(dataset):
    many = gym.spaces.Box(-1, 1, (MOST_COMPONENTS + 1,))
    folder = dataset([[1.0] * 3], spaces=(PIXELS, many))
    found = read_sample(folder, read_manifest(folder))
    assert (found.steps, found.total) == (0, 3)
    assert [part.values for part in found.parts] == [None, None]


def test_of_however_many_components_some_steps_are_read(dataset):
    folder = dataset([[1.0] * 25])
    assert read_sample(folder, read_manifest(folder), most_steps=0).steps == 1


@pytest.mark.parametrize(
    ("groups", "most", "chosen"),
    [
        ([100] * 10, 1000, [*range(10)]),
        ([100] * 10, 300, [1, 5, 8]),
        ([100] * 10, 50, [5]),
        ([70, 30], 60, [1]),
    ],
)
def test_of_many_row_groups_evenly_spaced_ones_are_taken(groups, most, chosen):
    found = spaced([("file", number, rows) for number, rows in enumerate(groups)], most)
    assert [number for _, number, _ in found] == chosen


def test_of_a_row_group_larger_than_wanted_every_so_many_steps_are_read(dataset):
    folder = dataset([[1.0] * 25])
    found = read_sample(folder, read_manifest(folder), most_steps=10)
    assert (found.steps, found.total) == (9, 25)
    actions = load(str(folder)).arrays()["action"]
    np.testing.assert_array_equal(found.parts[-1].values, actions[::3])
    assert pq.read_metadata(next((folder / "data").iterdir())).num_row_groups == 1
