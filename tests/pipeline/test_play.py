"""Attempts are played until enough are accepted, or the budget is spent."""

import tempfile
from contextlib import contextmanager

import gymnasium as gym
import numpy as np
import pytest
from corridor import CORRIDOR, Always, start

from builder import Controller, Policy, load
from builder.composition import build_config
from builder.errors import BudgetError, OutOfReachError, StorageError, WorkersError
from builder.pipeline.play import play
from builder.pipeline.prepare import prepare
from builder.pipeline.runs import ChunkRun


def test_the_first_accepted_attempts_are_kept_in_order(tmp_path):
    start(tmp_path / "x", threshold=10)
    episodes = load(tmp_path / "x").episode_table
    everything = load(start(tmp_path / "y", episodes=60).out)
    wanted = [e.index for e in everything if e.episode_return >= 10][:20]
    assert episodes["attempt_index"][:] == wanted
    assert load(tmp_path / "x").manifest.attempts == wanted[-1] + 1


def test_max_return_keeps_the_low_end(tmp_path):
    dataset = load(start(tmp_path / "x", max_return=6).out)
    assert max(dataset.episode_table["episode_return"]) <= 6


def test_a_spent_budget_is_an_error_with_its_figures_and_leaves_no_dataset(tmp_path):
    with pytest.raises(
        BudgetError, match=r"30 attempts, 0 accepted of 20, best return 45, mean return .*1000"
    ):
        start(tmp_path / "x", threshold=1000, max_attempts=30)
    assert not (tmp_path / "x").exists()


def test_an_environment_that_ignores_its_seed_is_a_warning(tmp_path, caplog):
    start(tmp_path / "x", **{"env.id": "Deaf-v0", "expert": Policy("Deaf-v0", policy=Always, version="1")})
    assert "all 20 episodes are identical" in caplog.text


def test_an_own_enjoy_that_accepts_nothing_is_told_what_it_returned(tmp_path):
    with pytest.raises(BudgetError, match="enjoy returned True for 0 of 9 attempts, and 20 are wanted"):
        Controller(lambda path, context, expert: None).start(
            {**CORRIDOR, "max_attempts": 9, "out": str(tmp_path / "x")}
        )


class Wide(gym.Env):
    """Pictures of a megabyte."""

    observation_space = gym.spaces.Box(0, 255, (1000, 1000), np.uint8)
    action_space = gym.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.full((1000, 1000), self.np_random.integers(256), np.uint8), {}

    def step(self, action):
        Wide.steps += 1
        return np.zeros((1000, 1000), np.uint8), 0.0, True, False, {}


def test_episodes_that_no_disk_holds_are_refused_before_one_is_played(tmp_path):
    """A picture for each of a billion episodes is a million gigabytes."""
    gym.register("Wide-v0", Wide, max_episode_steps=1)
    with pytest.raises(
        StorageError, match=r"too little room; expected 1,\d{3},\d{3},\d{3}\.\d MB; .* an `out` else"
    ):
        start(tmp_path / "x", **{"env.id": "Wide-v0", "episodes": 10**9})
    assert Wide.steps < 100
    assert [path.name for path in tmp_path.iterdir()] == []


def test_behind_a_url_this_machine_needs_room_for_one_file_at_a_time(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "builder.pipeline.play.check_space", lambda folder, size, _: asked.append((str(folder), size))
    )
    words = {"expert": "random", "env.id": "CartPole-v1", "episodes": 2000, "dataset.shard_mb": 1}
    Controller().start({**words, "out": f"memory://{tmp_path.name}/x"})
    assert {folder for folder, _ in asked} == {tempfile.gettempdir()}
    assert max(size for _, size in asked) == 10**6


class Failing:
    """Workers that cannot be had any more."""

    count = 1

    def __init__(self, error):
        self.error = error

    def run(self, function, tasks):
        raise self.error
        yield


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (WorkersError("they died", remedy="have more memory"), ", or with fewer rollout.lanes"),
        (OutOfReachError("they are gone", remedy="look for them"), ""),
    ],
    ids=["died", "gone"],
)
def test_a_build_whose_workers_fail_says_that_chunks_are_kept_and_advises_what_helps(tmp_path, error, advice):
    @contextmanager
    def open_workers(*_, **__):
        yield Failing(error)

    build = prepare(build_config({**CORRIDOR, "out": str(tmp_path / "x")}))
    with pytest.raises(type(error), match=f"{error.remedy}{advice}; finished chunks are kept$"):
        play(build, ChunkRun(build, build.store), open_workers)


def test_as_many_attempts_are_laid_out_at_a_time_as_there_are_workers_for(tmp_path):
    asked = []

    class Run(ChunkRun):
        def run(self, workers, horizon):
            asked.append(horizon)
            raise OutOfReachError("they are gone")

    @contextmanager
    def open_workers(*_, **__):
        workers = Failing(None)
        workers.count = 64
        yield workers

    build = prepare(build_config({**CORRIDOR, "episodes": 3 << 20, "out": str(tmp_path / "x")}))
    with pytest.raises(OutOfReachError):
        play(build, Run(build, build.store), open_workers)
    assert asked == [3 << 20]
