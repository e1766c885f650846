"""Pictures with every state: the state's own, small, and nothing else of the environment is changed."""

import dataclasses
import sys
import threading

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import register

from builder.environments.drawing import undrawn, with_pixels
from builder.environments.environment import make, resolve
from builder.environments.headless import software_gl
from builder.environments.masks import METHOD, allowed
from builder.environments.pixels import resized, shown


class Lamp(gym.Env):
    """Shows how many steps there were, as brightness; draws into one buffer."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gym.spaces.Discrete(9)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, render_mode=None):
        self.render_mode, self.picture = render_mode, np.zeros((4, 6, 3), np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return 0, {}

    def step(self, action):
        self.steps += 1
        return self.steps, 0.0, False, False, {}

    def render(self):
        self.picture[:] = 10 * self.steps
        return self.picture

    def action_masks(self):
        return [True, False]


register("Drawn/Lamp-v0", Lamp, max_episode_steps=5)


@pytest.fixture
def spec():
    return with_pixels(resolve("Drawn/Lamp-v0", {}, max_episode_steps=None, max_steps=None), 2, 3)


def test_a_picture_is_that_of_the_state(spec):
    environment = make(spec)
    environment.reset(seed=0)
    seen = [shown(environment)]
    for _ in range(2):
        environment.step(0)
        seen.append(shown(environment))
    assert [picture.shape for picture in seen] == [(2, 3, 3)] * 3
    assert [np.unique(picture).tolist() for picture in seen] == [[0], [10], [20]]


def test_one_that_is_asked_for_masks_is_drawn_too(spec):
    environment = make(dataclasses.replace(spec, masks=METHOD))
    environment.reset(seed=0)
    assert shown(environment).shape == (2, 3, 3)
    assert allowed(environment)[0].tolist() == [True, False]


def test_one_that_is_drawn_no_more_is_the_one_that_it_was(spec):
    assert undrawn(spec) == resolve("Drawn/Lamp-v0", {}, max_episode_steps=None, max_steps=None)


def test_a_smaller_picture_has_the_means_of_areas():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    found = resized(picture, 2, 2)
    means = picture.reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))
    assert (np.abs(found - means) <= 0.5).all()


def test_a_picture_of_that_size_stays_as_it_is():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert (resized(picture, 4, 4) == picture).all()


def test_the_bytes_of_a_smaller_picture_are_always_the_same():
    picture = (np.arange(60 * 40 * 3) * 7919 % 251).astype(np.uint8).reshape(60, 40, 3)
    found = resized(picture, 8, 9)
    assert (found[0, 0].tolist(), found[3, 5].tolist()) == ([153, 111, 123], [127, 129, 123])
    assert found.sum() == 27039


def rolled(spec, seeds, pictures):
    """Pictures of a few random steps."""
    for seed in seeds:
        environment = make(spec)
        environment.reset(seed=seed)
        draws = np.random.default_rng(seed)
        pictures[seed] = []
        for _ in range(8):
            environment.step(int(draws.integers(2)))
            pictures[seed].append(shown(environment))
        environment.close()


@pytest.mark.slow
def test_threads_draw_as_one_does():
    spec = with_pixels(resolve("CartPole-v1", {}, max_episode_steps=None, max_steps=None), 20, 30)
    alone, together = {}, {}
    rolled(spec, range(12), alone)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    threads = [threading.Thread(target=rolled, args=(spec, range(k, 12, 4), together)) for k in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert all((np.array(alone[seed]) == np.array(together[seed])).all() for seed in alone)


@pytest.mark.slow
def observed(spec, seeds, observations):
    """What a few steps give."""
    for seed in seeds:
        environment = make(spec)
        found = [environment.reset(seed=seed)[0]]
        found += [environment.step(environment.action_space.high)[0] for _ in range(12)]
        observations[seed] = np.array(found)
        environment.close()


@pytest.mark.slow
def test_an_environment_that_draws_what_it_observes_does_so_in_turn():
    spec = resolve("CarRacing-v3", {}, max_episode_steps=None, max_steps=None)
    alone, together = {}, {}
    observed(spec, range(4), alone)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    threads = [threading.Thread(target=observed, args=(spec, range(k, 4, 2), together)) for k in range(2)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert all((alone[seed] == together[seed]).all() for seed in alone)


@pytest.mark.skipif(not software_gl(), reason="no OpenGL without a screen here")
@pytest.mark.slow
def test_instances_that_mujoco_draws_do_not_take_each_others_pictures():
    spec = with_pixels(resolve("Reacher-v5", {}, max_episode_steps=None, max_steps=None), 20, 20)
    seen = []
    for count in (1, 2):
        environments = [make(spec) for _ in range(count)]
        for seed, environment in enumerate(environments):
            environment.reset(seed=seed)
        for environment in reversed(environments):
            environment.step(environment.action_space.high)
        seen.append(shown(environments[0]))
        for environment in environments:
            environment.close()
    assert (seen[0] == seen[1]).all()
