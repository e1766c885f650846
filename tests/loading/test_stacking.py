"""Stacks that are rebuilt on load are those that Stable-Baselines3's own VecFrameStack gives."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack
from sweeps import sweep

from builder import build, load
from builder.errors import ConfigError
from builder.loading.stacking import stack


class Clips(gym.Env):
    """Grey pictures of 5 to 9 steps; the seed draws them."""

    observation_space = gym.spaces.Box(0, 255, (6, 5), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(5, 10))
        return self.observe(), {}

    def step(self, action):
        self.left -= 1
        return self.observe(), 1.0, self.left == 0, False, {}

    def observe(self):
        return self.np_random.integers(0, 256, (6, 5), dtype=np.uint8)


class WithChannel(gym.ObservationWrapper):
    """VecFrameStack stacks along the last axis."""

    observation_space = gym.spaces.Box(0, 255, (6, 5, 1), np.uint8)

    def observation(self, observation):
        return observation[..., None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    gym.register("Clips-v0", entry_point=Clips, max_episode_steps=50)
    out = tmp_path_factory.mktemp("clips") / "x"
    settings = {"env.id": "Clips-v0", "dataset.next_observation": True}
    build(expert="random", episodes=4, out=str(out), **settings)
    gym.registry.pop("Clips-v0")
    return out


def sb3s(episode, frames):
    vector = VecFrameStack(DummyVecEnv([lambda: WithChannel(Clips())]), frames)
    vector.seed(episode.seed)
    seen, ended = [vector.reset()[0].copy()], [False]
    while not ended[0]:
        stacked, _, ended, infos = vector.step([0])
        seen.append((infos[0]["terminal_observation"] if ended[0] else stacked[0]).copy())
    return np.moveaxis(np.stack(seen), -1, 1)


@sweep("frames", [1, 4, 12])
def test_the_observations_of_an_episode_are_vec_frame_stacks(folder, frames):
    dataset = load(folder).stacked(frames)
    assert len(dataset) == 4
    for episode in dataset:
        expected = sb3s(episode, frames)
        assert episode.observations.dtype == np.uint8
        assert np.array_equal(episode.observations, expected)


def test_the_arrays_of_a_split_are_those_of_its_episodes(folder):
    single, dataset = load(folder), load(folder).stacked(4)
    arrays = dataset.arrays()
    episodes = list(dataset)
    joined = [
        np.concatenate([episode.observations[part] for episode in episodes])
        for part in (np.s_[:-1], np.s_[1:])
    ]
    assert np.array_equal(arrays["observation"], joined[0])
    assert np.array_equal(arrays["next_observation"], joined[1])
    assert dataset.tensors()["observation"].shape == (len(arrays["reward"]), 4, 6, 5)
    assert single.arrays()["observation"].shape == (len(arrays["reward"]), 6, 5)
    assert np.array_equal(
        dataset.sample(2, seed=1)[0].observations[:, -1], single.sample(2, seed=1)[0].observations
    )


def test_rows_can_be_stacked_in_any_order(folder):
    arrays = load(folder).arrays()
    rows = np.random.default_rng(0).permutation(len(arrays["reward"]))[:9]
    some = stack(arrays["observation"], arrays["step_index"], 4, rows)
    assert np.array_equal(some, load(folder).stacked(4).arrays()["observation"][rows])


def test_vectors_and_the_leaves_of_dicts_are_stacked_too(tmp_path):
    dataset = build(expert="random", env={"id": "Nested-v0"}, episodes=2, out=str(tmp_path / "x")).stacked(3)
    episode = dataset[0]
    assert episode.observations["at"].shape == (len(episode.rewards) + 1, 3)
    assert episode.observations["at"][0].tolist() == [0, 0, 0]
    assert episode.observations["at"][-1].tolist() == [
        max(0, len(episode.rewards) - age) for age in (2, 1, 0)
    ]
    assert dataset.arrays()["observation.view"].shape[1:] == (3, 4, 5, 3)


def test_a_stack_of_nothing_is_refused(folder):
    with pytest.raises(ConfigError, match="at least 1"):
        load(folder).stacked(0)
