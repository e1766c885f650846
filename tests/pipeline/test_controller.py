"""Builds as a program starts them: whole datasets, whatever the backend; failure, growth, resume."""

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from corridor import CORRIDOR, chunks, record, start
from folders import files
from verification import check

from builder import Controller
from builder.errors import DatasetError, EnvironmentError_, LockedError, VerificationError
from builder.storage.layout import Layout
from builder.storage.lock import locked


def test_a_dataset_is_the_same_whatever_plays_it(tmp_path):
    for name, config in {
        "a": {},
        "b": {"parallel": "threading", "parallel.n_jobs": 2, "rollout.lanes": 3},
        "c": {"rollout.lanes": 1},
    }.items():
        start(tmp_path / name / "x", **config)
    assert files(tmp_path / "a/x") == files(tmp_path / "b/x") == files(tmp_path / "c/x")


@pytest.mark.slow
def test_processes_make_the_same_dataset_as_threads(tmp_path):
    cartpole = {"expert": "cartpole", "env.id": None, "episodes": 30}
    start(tmp_path / "a/x", **cartpole)
    start(tmp_path / "b/x", **cartpole, parallel="loky", **{"parallel.n_jobs": 2, "rollout.lanes": 4})
    assert files(tmp_path / "a/x") == files(tmp_path / "b/x")


UNUSED = {"torch", "stable_baselines3", "datasets", "pandas", "aiohttp", "fsspec", "matplotlib", "pygame"}
UNUSED |= {"huggingface_hub", "requests", "httpx", "multiprocess", "dill"}
# Not sqlite3, in which whoever measures coverage keeps it.


def test_a_small_build_imports_no_library_that_it_has_no_use_for(tmp_path):
    lines = (
        "import sys; from builder.cli.main import main;"
        f"assert main(['expert=cartpole', 'episodes=2', 'card.preview=false', 'out={tmp_path / 'x'}']) == 0;"
        f"assert not {UNUSED} & set(sys.modules), {UNUSED} & set(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_growth_plays_only_what_is_missing_and_equals_a_fresh_build(tmp_path):
    start(tmp_path / "x", episodes=8)
    start(tmp_path / "x", episodes=20)
    assert chunks(tmp_path / "x") == [
        "chunk-00000000-00000008.safetensors",
        "chunk-00000008-00000020.safetensors",
    ]
    start(tmp_path / "fresh/x", episodes=20)
    assert files(tmp_path / "x") == files(tmp_path / "fresh/x")


def test_overwrite_replaces_another_dataset_and_its_chunks(tmp_path):
    start(tmp_path / "x")
    start(tmp_path / "x", seed=1, overwrite=True)
    start(tmp_path / "fresh/x", seed=1)
    assert files(tmp_path / "x") == files(tmp_path / "fresh/x")
    assert len(list(Layout.of(tmp_path / "x").chunks.glob("*/"))) == 1


def test_a_second_build_into_one_folder_fails_at_once(tmp_path):
    with locked(tmp_path / "x"), pytest.raises(LockedError, match="another build is writing"):
        start(tmp_path / "x")


def test_play_then_collate_is_a_build(tmp_path):
    start(tmp_path / "x", mode="play")
    assert not (tmp_path / "x").exists()
    start(tmp_path / "x", mode="collate")
    start(tmp_path / "fresh/x")
    assert files(tmp_path / "x") == files(tmp_path / "fresh/x")


def test_collate_without_play_says_what_is_missing(tmp_path):
    with pytest.raises(DatasetError, match="expected 20 accepted; got 0"):
        start(tmp_path / "x", mode="collate")


def test_chunks_can_be_dropped_after_the_build(tmp_path):
    start(tmp_path / "x", keep_chunks=False)
    assert not Layout.of(tmp_path / "x").chunks.exists()


def test_an_own_enjoy_gets_both_bounds_of_the_build(tmp_path):
    given = []

    def play(path, context, expert):
        given.append((expert.threshold, expert.max_return))
        return record(path, context, expert)

    bounds = {"threshold": 5, "max_return": 9}
    Controller(play).start({**CORRIDOR, **bounds, "episodes": 1, "out": str(tmp_path / "x")})
    assert given == [(5.0, 9.0)]


class Forgetful(gym.Env):
    """Gives what nobody can repeat: numbers that go on counting from one object to the next."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)
    count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action):
        Forgetful.count += 1
        return np.array([float(Forgetful.count)]), 1.0, False, False, {}


def test_a_build_on_an_environment_that_does_not_repeat_itself_stops_before_it_plays(tmp_path):
    gym.register("Forgetful-v0", entry_point=Forgetful, max_episode_steps=5)
    config = {"expert": "random", "env.id": "Forgetful-v0", "episodes": 3, "out": str(tmp_path / "x")}
    with pytest.raises(EnvironmentError_, match="does not repeat itself") as caught:
        Controller().start(config)
    assert "gives something else at step 0 of seed " in caught.value.what
    assert not (tmp_path / "x").exists()
    Controller().start({**config, "verify_sample": 0})
    with pytest.raises(VerificationError, match="fails replay"):
        check(tmp_path / "x").raise_for_difference()
