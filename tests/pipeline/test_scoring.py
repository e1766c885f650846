"""What random actions and an expert reach, over all of their episodes."""

import dataclasses
import math

import gymnasium as gym
import masked
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from sb3_models import make_model

from builder import build
from builder.composition import build_config
from builder.pipeline.prepare import prepare
from builder.pipeline.scoring import measure, returns_of

SHORT = ["env.max_episode_steps=60", "expert.check=off"]


def configured(*words):
    return prepare(dataclasses.replace(build_config(list(words)), threshold=-math.inf))


def test_both_means_are_those_of_all_episodes_that_builds_with_this_seed_record(tmp_path):
    scores = measure(configured("expert=cartpole", *SHORT), 4, 5).scores
    for policy, mean, std in (
        ("cartpole", scores.expert, scores.expert_std),
        ("random", scores.random, scores.random_std),
    ):
        keys = {"threshold": -math.inf, "verify_sample": 0, "expert.check": "off", "seed": 5, "episodes": 4}
        env = {"id": "CartPole-v1", "max_episode_steps": 60}
        played = build(policy, out=str(tmp_path / policy), env=env, **keys)
        returns = np.array(played.episode_table["episode_return"])
        assert (mean, std) == (pytest.approx(returns.mean()), pytest.approx(returns.std()))
    assert (
        scores.source == "measured by il-builder: 4 episodes each of random actions and of cartpole, seed 5"
    )


@pytest.mark.parametrize("n_jobs", [-1, 1])
def test_short_plays_that_are_a_part_of_something_else_have_no_line_of_their_own(caplog, n_jobs):
    caplog.set_level("INFO")
    measure(configured("expert=cartpole", *SHORT, f"parallel.n_jobs={n_jobs}"), 2, 0)
    assert caplog.messages == []


def test_no_episode_is_selected_whatever_the_expert_s_threshold():
    scores = measure(configured("expert=acrobot", "threshold=-1"), 3, 0).scores
    assert scores.random == -500.0
    assert scores.expert < -1


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    measure(configured("expert=cartpole", *SHORT), 2, 0)
    assert list(tmp_path.iterdir()) == []


def test_random_actions_are_drawn_from_all_where_the_expert_chooses_among_allowed_ones(tmp_path):
    model = make_model("MaskablePPO", "MlpPolicy", masked.SEEN, masked.ACTIONS["one"])
    model.save(tmp_path / "doors.zip")
    words = [
        "expert=local",
        f"expert.path={tmp_path / 'doors.zip'}",
        f"env.id={masked.env_id(masked.Method)}",
    ]
    built = configured(*words)
    assert built.environment.masks
    assert measure(built, 2, 0).environment["id"] == masked.env_id(masked.Method)


class Breaking(CartPoleEnv):
    """Breaks in its first step, about every second time."""

    def step(self, action):
        if int(abs(self.state[2]) * 1e6) % 2 and not self.begun:
            raise RuntimeError("broken")
        self.begun = True
        return super().step(action)

    def reset(self, **given):
        self.begun = False
        return super().reset(**given)


def test_attempts_that_break_are_rejected_and_others_played_in_their_place(registered):
    words = ["expert=cartpole", *SHORT, f"env.id={registered}", "rollout.on_error=reject"]
    found = [returns_of(configured(*words, f"rollout.lanes={lanes}"), 6, 3) for lanes in (1, 7)]
    assert len(found[0]) == 6
    np.testing.assert_array_equal(*found)


@pytest.fixture
def registered():
    gym.register("Breaking-v0", entry_point=Breaking, max_episode_steps=60)
    yield "Breaking-v0"
    del gym.registry["Breaking-v0"]
