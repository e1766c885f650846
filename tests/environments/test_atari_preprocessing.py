"""Atari's steps are the agent's decisions, and its observations those of Stable-Baselines3's own wrappers."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.atari_wrappers import AtariWrapper
from sweeps import sweep

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.environment import make, resolve
from builder.environments.frames import grey, resize
from builder.environments.providers import provide
from builder.environments.wrappers import Layers

provide("ALE/Pong-v5")  # which silences the emulator's greeting
LIMITS = {"max_episode_steps": None, "max_steps": None}


def ours(env_id, kwargs=None, **settings):
    return make(resolve(env_id, kwargs or {}, **LIMITS, layers=Layers(AtariPreprocessing(**settings))))


def sb3s(env_id, kwargs=None, **settings):
    return AtariWrapper(
        gym.make(env_id, disable_env_checker=True, **(kwargs or {})), clip_reward=False, **settings
    )


def random_actions(env, count, seed=0):
    return np.random.default_rng(seed).integers(env.action_space.n, size=count)


@pytest.mark.parametrize("seed", [0, pytest.param(4_294_967_295, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", ["Breakout", *(pytest.param(name, marks=pytest.mark.slow) for name in ("Freeway", "MsPacman"))]
)
@pytest.mark.slow
def test_a_whole_game_is_sb3s(name, seed):
    env_id = f"{name}NoFrameskip-v4"
    env, other = ours(env_id, fire_after_life=False), sb3s(env_id, terminal_on_life_loss=False)
    actions = random_actions(env, 150, seed)
    assert np.array_equal(env.reset(seed=seed)[0], other.reset(seed=seed)[0][..., 0])
    for action in actions:
        seen, reward, terminated, truncated, _ = env.step(action)
        expected = other.step(action)
        assert (reward, terminated, truncated) == expected[1:4]
        if terminated:
            break
        assert seen.dtype == np.uint8
        assert np.array_equal(seen, expected[0][..., 0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lives"), [("Breakout", 5), pytest.param("MsPacman", 3, marks=pytest.mark.slow)]
)
def test_a_lost_life_is_followed_by_what_training_did_then(name, lives):
    env_id = f"{name}NoFrameskip-v4"
    env, other = ours(env_id), sb3s(env_id)
    assert np.array_equal(env.reset(seed=1)[0], other.reset(seed=1)[0][..., 0])
    lost = 0
    for action in random_actions(env, 5000):
        seen, reward, terminated, truncated, info = env.step(action)
        expected, earned, over, _, was = other.step(action)
        assert not truncated
        assert info["lives"] == was["lives"]
        if terminated:
            assert over
            break
        if over:
            lost += 1
            expected = other.reset()[0]
        assert np.array_equal(seen, expected[..., 0])
        assert reward == earned
    assert lost == lives - 1


@pytest.mark.slow
def test_other_settings_are_sb3s():
    settings = {"noop_max": 0, "frame_skip": 1, "screen_size": 42}
    env = ours("PongNoFrameskip-v4", **settings)
    other = sb3s("PongNoFrameskip-v4", **settings)
    assert np.array_equal(env.reset(seed=5)[0], other.reset(seed=5)[0][..., 0])
    for action in random_actions(env, 60):
        seen, reward, *_ = env.step(action)
        expected = other.step(action)
        assert np.array_equal(seen, expected[0][..., 0])
        assert reward == expected[1]


@sweep("frames", [101, 102, 103, 104])
def test_the_last_observation_is_what_was_last_on_the_screen(frames):
    env = ours("FreewayNoFrameskip-v4", {"max_num_frames_per_episode": frames}, noop_max=0)
    env.reset(seed=0)
    before, truncated = None, False
    while not truncated:
        before = env.unwrapped.ale.cloneState()
        seen, _, _, truncated, _ = env.step(0)
    shown = env.unwrapped.ale.getScreenRGB()
    if frames % 4 == 0:  # all of the step's frames were played, as ever
        env.unwrapped.ale.restoreState(before)
        for _ in range(3):
            env.unwrapped.ale.act(0)
        shown = np.maximum(shown, env.unwrapped.ale.getScreenRGB())
    assert np.array_equal(seen, resize(grey(shown)[None, ..., None], 84, 84)[0, ..., 0])
