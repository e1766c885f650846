"""Environments are stepped again, and the first thing that differs is named with its place."""

import dataclasses
import shutil
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sweeps import sweep
from verification import EPISODES as LINES
from verification import STEPS, check, failure, rewrite

from builder import Controller
from builder.config import ParallelConfig
from builder.manifest.manifest import read_manifest
from builder.replay import RecordedSplit, replay
from builder.replay.replay import compare

ONE = ParallelConfig(backend="threading", n_jobs=1)


@pytest.fixture(scope="session")
def _short(tmp_path_factory):
    """A dataset without next observations."""
    out = tmp_path_factory.mktemp("replayed") / "x"
    config = {"expert": "random", "env.id": "Corridor-v0", "episodes": 8, "dataset.next_observation": False}
    Controller().start({**config, "out": str(out)})
    return out


@pytest.fixture
def short(_short, tmp_path):
    return Path(shutil.copytree(_short, tmp_path / "x"))


def changed(episode, name, change):
    """The episode with one array of its recording changed."""
    array = getattr(episode.rows.recording, name)
    value = tuple(map(change, array)) if isinstance(array, tuple) else change(array)
    recording = dataclasses.replace(episode.rows.recording, **{name: value})
    return dataclasses.replace(episode, rows=dataclasses.replace(episode.rows, recording=recording))


def first_changed(array):
    array = array.copy()
    array[(0,) * array.ndim] += 1
    return array


@sweep(
    ("name", "change", "column", "step"),
    [
        ("observations", first_changed, "observation", 0),
        ("rewards", first_changed, "reward", 0),
        ("finals", first_changed, "next_observation", -1),
        ("terminated", np.logical_not, "terminated", -1),
        ("truncated", np.logical_not, "truncated", -1),
        ("seeds", lambda seeds: seeds + 5, "observation", 0),
    ],
    quick=3,
)
def test_what_the_environment_does_not_give_is_found_in_its_column(short, name, change, column, step):
    split = RecordedSplit(short, read_manifest(short), "train")
    lengths = split.episodes["length"].to_pylist()
    position = next(index for index, length in enumerate(lengths) if length > 2)
    episode, environment = split.episode(position), gym.make("Corridor-v0").unwrapped
    assert compare(environment, episode, limit=50) is None
    difference = compare(environment, changed(episode, name, change), limit=50)
    assert (difference.episode, difference.column) == (position, column)
    assert difference.step == step % lengths[position]


def test_a_wrong_final_observation_is_found_in_a_dataset_without_next_observations(short):
    def change(table):
        finals = table["final_observation"].to_pylist()
        finals[5][0] += 1
        place, field = table.column_names.index("final_observation"), table.schema.field("final_observation")
        return table.set_column(place, field, pa.array(finals, field.type))

    assert replay(short, {"train": range(8)}, parallel=ONE).difference is None
    pq.write_table(change(pq.read_table(short / LINES)), short / LINES)
    difference = replay(short, {"train": range(8)}, parallel=ONE).difference
    assert (difference.episode, difference.column) == (5, "next_observation")


def test_an_episode_that_goes_on_after_the_environments_end_is_found_there(short):
    split = RecordedSplit(short, read_manifest(short), "train")
    episode = split.episode(0)
    recording = episode.rows.recording
    longer = dataclasses.replace(
        recording,
        lengths=recording.lengths + 1,
        observations=(np.concatenate([*recording.observations, *recording.finals]),),
        actions=(np.append(recording.actions[0], 0),),
        rewards=np.append(recording.rewards, 0.0),
    )
    longer = dataclasses.replace(episode, rows=dataclasses.replace(episode.rows, recording=longer))
    difference = compare(gym.make("Corridor-v0").unwrapped, longer, limit=50)
    assert (difference.column, difference.step) == ("terminated", int(recording.lengths[0]) - 1)


def test_a_wrong_action_is_found_by_replay_at_its_episode_and_step(folder):
    def change(columns):
        row = columns["episode_index"].index(3) + 7
        columns["action"][row] = (columns["action"][row] + 1) % 3

    rewrite(folder, STEPS, change)
    check(folder, "files").raise_for_difference()
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode, difference.step) == ("replay", STEPS, 3, 7)
    assert difference.column == "next_observation"


def test_of_two_differences_the_first_is_named_whoever_finds_it(folder, monkeypatch):
    def change(columns):
        for episode in (1, 4):
            row = columns["episode_index"].index(episode)
            columns["action"][row] = (columns["action"][row] + 1) % 3

    rewrite(folder, STEPS, change)
    monkeypatch.setattr(sys.modules["builder.replay.replay"], "STEPS_PER_TASK", 1)
    found = replay(folder, {"train": range(6)}, parallel=ParallelConfig(backend="threading", n_jobs=3))
    assert (found.difference.episode, found.difference.step) == (1, 0)


def test_a_changed_reward_is_found_by_replay(folder):
    def change(columns):
        first = columns["episode_index"].index(5)
        columns["reward"][first], columns["reward"][first + 1] = -0.5, -1.5

    rewrite(folder, STEPS, change)
    name, difference = failure(folder)
    assert (name, difference.episode, difference.step, difference.column) == ("replay", 5, 0, "reward")
    assert (difference.expected, difference.got) == ("-1.0", "-0.5")
