"""Copies are counted, kept on one side of a split, and left out where that is asked for."""

import dataclasses
import json
import logging
import re

import gymnasium as gym
import numpy as np
import pytest
from sweeps import sweep

from builder import Controller, Policy, build, load
from builder.cli.main import main
from builder.dataset.distinct import different
from builder.errors import BudgetError, ConfigError
from builder.manifest.manifest import read_manifest, seal


class Few(gym.Env):
    """Three different episodes, by the seed."""

    observation_space = gym.spaces.Box(-10, 10, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.kind, self.at = int(self.np_random.integers(3)), 0
        return np.array([self.kind], np.float32), {}

    def step(self, action):
        self.at += 1
        return np.array([self.kind + self.at / 10], np.float32), 1.0, self.at == 3, False, {}


class Zero:
    def predict(self, obs, state=None, deterministic=True):
        return 0, None


@pytest.fixture(scope="module", autouse=True)
def _registered():
    gym.register("Few-v0", Few, max_episode_steps=9)
    yield
    del gym.registry["Few-v0"]


def few(out, **more):
    return build(Policy(name="Few-v0", policy=Zero, version="1"), out=out, **more)


def test_a_dataset_counts_its_distinct_episodes(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "builder")
    dataset = few(tmp_path / "x", episodes=12)
    assert dataset.manifest.distinct.episodes == 3
    assert "3 of 12 episodes are distinct" in caplog.text
    card = (dataset.folder / "README.md").read_text()
    assert re.search(r"\| distinct episodes *\| +3 \(25.00%\) *\|", card)
    assert "9 episodes of 12 repeat an earlier one" in card


def test_episodes_that_differ_are_all_distinct(tmp_path, caplog):
    dataset = build("random", env={"id": "CartPole-v1"}, episodes=20, out=tmp_path / "x")
    assert dataset.manifest.distinct.episodes == 20
    assert "distinct" not in caplog.text


def test_copies_are_on_the_side_of_the_first_of_their_kind(tmp_path):
    folder = few(tmp_path / "x", episodes=30, dataset={"test_fraction": 0.5}).folder
    train, test = (
        {float(episode.observations[0, 0]) for episode in load(folder, split=name)}
        for name in ("train", "test")
    )
    assert len(train) + len(test) == len(train | test) == 3
    distinct = read_manifest(folder).distinct
    assert (distinct.test_steps, distinct.shared_steps) == (3 * len(test), 0)


@pytest.mark.slow
def test_a_split_that_was_asked_for_and_holds_nothing_is_a_warning(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "builder")
    assert [*few(tmp_path / "x", episodes=12, dataset={"test_fraction": 0.1}).manifest.splits] == ["train"]
    assert "there is no split test: of 12 episodes, each that was planned for it is a copy" in caplog.text
    caplog.clear()
    few(tmp_path / "y", episodes=12, dataset={"test_fraction": 0.5})
    assert "there is no split test" not in caplog.text


def test_steps_that_train_and_test_share_are_counted(tmp_path):
    manifest = build(
        "random",
        env={"id": "FrozenLake-v1"},
        episodes=20,
        out=tmp_path / "x",
        dataset={"test_fraction": 0.5},
    ).manifest
    sides = [load(tmp_path / "x", split=name).arrays() for name in ("train", "test")]
    train, test = (set(zip(s["observation"].tolist(), s["action"].tolist(), strict=True)) for s in sides)
    assert (manifest.distinct.test_steps, manifest.distinct.shared_steps) == (len(test), len(test & train))
    assert manifest.distinct.shared_steps > 0


@pytest.mark.parametrize(
    "more",
    [
        {},
        *(
            pytest.param(more, marks=pytest.mark.slow)
            for more in ({"rollout": {"lanes": 2}}, {"parallel": {"backend": "threading", "n_jobs": 2}})
        ),
    ],
)
def test_unique_keeps_the_first_of_each_and_plays_on(tmp_path, more):
    dataset = few(tmp_path / "x", episodes=3, dataset={"unique": True}, **more)
    assert dataset.manifest.distinct.episodes == len(dataset) == 3
    plain = few(tmp_path / "y", episodes=12)
    first = {}
    for episode in plain:
        first.setdefault(float(episode.observations[0, 0]), episode.index)
    assert [episode.index for episode in dataset] == sorted(first.values())
    assert "`dataset.unique=true`" in (dataset.folder / "README.md").read_text()


@pytest.mark.slow
def test_unique_grows_to_what_a_fresh_build_of_the_larger_number_is(tmp_path):
    few(tmp_path / "x", episodes=2, dataset={"unique": True})
    grown = few(tmp_path / "x", episodes=3, dataset={"unique": True})
    fresh = few(tmp_path / "y", episodes=3, dataset={"unique": True})
    assert grown.manifest.fingerprint == fresh.manifest.fingerprint


def test_unique_ends_with_the_budget(tmp_path, capsys):
    with pytest.raises(BudgetError, match=r"too few distinct .*3 accepted of 4") as caught:
        few(tmp_path / "x", episodes=4, max_attempts=50, dataset={"unique": True})
    assert "want fewer episodes" in caught.value.remedy


def test_unique_is_not_for_an_own_enjoy(tmp_path):
    config = {"expert": "random", "env.id": "CartPole-v1", "out": str(tmp_path / "x"), "dataset.unique": True}
    with pytest.raises(ConfigError, match=r"dataset\.unique=true is not for"):
        Controller(lambda path, context, expert: True).start(config)


@sweep("change", [{"episodes": 4}, {"shared_steps": 1}])
def test_another_count_in_the_manifest_is_noticed(tmp_path, change, capsys):
    folder = few(tmp_path / "x", episodes=12, dataset={"test_fraction": 0.5}).folder
    manifest = read_manifest(folder)
    seal(dataclasses.replace(manifest, distinct=dataclasses.replace(manifest.distinct, **change)), folder)
    assert main(["verify", str(folder), "level=files"]) == 1
    assert "how many episodes are distinct" in capsys.readouterr().err


@pytest.mark.slow
def test_a_manifest_that_counts_nothing_reads_and_verifies_as_before(tmp_path):
    folder = build("cartpole", episodes=2, out=tmp_path / "x").folder
    seal(dataclasses.replace(read_manifest(folder), distinct=None), folder)
    assert "distinct" not in json.loads((folder / "manifest.json").read_text())
    assert read_manifest(folder).distinct is None


def test_different_digests_come_once_and_in_order():
    digests = np.array([3, 2**64 - 1, 3, 1, 2**64 - 1], np.uint64)
    assert different(digests).tolist() == [1, 3, 2**64 - 1]
    assert different(digests[:0]).tolist() == []
    assert different(digests).dtype == np.uint64
