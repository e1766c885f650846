"""Atari's steps are the agent's decisions, and its observations those of Stable-Baselines3's own wrappers."""

import numpy as np
import pytest
from sweeps import sweep

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.behaviour import known
from builder.environments.environment import make, resolve
from builder.environments.legacy import match
from builder.environments.providers import provide
from builder.environments.wrappers import Layers
from builder.errors import ConfigError, EnvironmentError_

provide("ALE/Pong-v5")  # which silences the emulator's greeting


LIMITS = {"max_episode_steps": None, "max_steps": None}


def ours(env_id, kwargs=None, **settings):
    return make(resolve(env_id, kwargs or {}, **LIMITS, layers=Layers(AtariPreprocessing(**settings))))


def random_actions(env, count, seed=0):
    return np.random.default_rng(seed).integers(env.action_space.n, size=count)


def test_an_episode_ends_where_the_emulator_cuts_it():
    env = ours("FreewayNoFrameskip-v4", {"max_num_frames_per_episode": 101}, noop_max=1)
    env.reset(seed=0)
    steps, truncated, terminated = 0, False, False
    while not truncated:
        _, _, terminated, truncated, _ = env.step(0)
        steps += 1
    assert (steps, terminated) == (25, False)


@pytest.mark.parametrize(
    ("env_id", "kwargs", "preprocessing", "limit"),
    [
        ("PongNoFrameskip-v4", {}, None, 108_000),
        ("ALE/Pong-v5", {}, None, 27_000),
        ("PongNoFrameskip-v4", {}, AtariPreprocessing(), 27_000),
        ("PongNoFrameskip-v4", {"max_num_frames_per_episode": 10}, AtariPreprocessing(), 3),
    ],
)
def test_the_limit_of_an_episode_is_the_emulators_in_steps(env_id, kwargs, preprocessing, limit):
    assert resolve(env_id, kwargs, **LIMITS, layers=Layers(preprocessing)).max_episode_steps == limit


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["BreakoutNoFrameskip-v4", "BreakoutNoFrameskip-v0"])
def test_one_object_plays_what_new_ones_would(env_id):
    spec = resolve(env_id, {}, **LIMITS, layers=Layers(AtariPreprocessing()))
    assert known(spec).remembers == ""
    reused = make(spec)
    for seed in (3, 1, 3):
        fresh = make(spec)
        assert np.array_equal(reused.reset(seed=seed)[0], fresh.reset(seed=seed)[0])
        for action in random_actions(reused, 40, seed):
            left, right = reused.step(action), fresh.step(action)
            assert left[1:] == right[1:]
            assert np.array_equal(left[0], right[0])


def counted_loads(env):
    """How often an environment loads its game from now on, as a list that grows."""
    atari, loads = env.unwrapped, []
    load = atari.load_game
    atari.load_game = lambda: (loads.append(1), load())
    return loads


def played(env, seed, steps=30):
    """What an environment shows, gives and says from a seed on."""
    shown = [(env.reset(seed=seed)[0].tobytes(), env.unwrapped.ale.getRAM().tobytes())]
    for action in random_actions(env, steps, seed):
        observation, *others = env.step(action)
        shown.append((observation.tobytes(), *others, env.unwrapped.ale.getRAM().tobytes()))
        if others[1]:
            env.reset()
    return shown, env.unwrapped.np_random.random()


@sweep("game", ["Seaquest", "Breakout", "MontezumaRevenge", "Pitfall", "Enduro"], quick=1)
@pytest.mark.parametrize("noop_max", [0, 30])
def test_a_seed_gives_what_a_new_object_gives_though_the_game_is_not_loaded_again(game, noop_max):
    env_id = f"{game}NoFrameskip-v4"
    env, fresh = ours(env_id, noop_max=noop_max), ours(env_id, noop_max=noop_max)
    loads = counted_loads(env)
    played(env, 1, steps=100)
    again = played(env, 2)
    fresh.env.reset(seed=2)  # which loads it
    fresh._loaded = None
    assert again == played(fresh, 2)
    assert not loads


@pytest.mark.parametrize(
    ("env_id", "chance"), [("ALE/Pong-v5", 0.25), ("ALE/Adventure-v5", 0.0)], ids=["sticky", "Adventure"]
)
def test_a_game_that_its_seed_changes_is_loaded_again(env_id, chance):
    env = ours(env_id, {"frameskip": 1, "repeat_action_probability": chance})
    loads = counted_loads(env)
    env.reset(seed=0)
    assert loads


def test_environments_that_skip_frames_themselves_are_refused():
    with pytest.raises(EnvironmentError_, match=r"env\.kwargs\.frameskip=1"):
        ours("ALE/Pong-v5")
    assert ours("ALE/Pong-v5", {"frameskip": 1}).observation_space.shape == (84, 84)


@pytest.mark.parametrize("kwargs", [{"obs_type": "grayscale"}, {"continuous": True}])
def test_environments_without_colours_or_discrete_actions_are_refused(kwargs):
    with pytest.raises(EnvironmentError_, match="cannot be preprocessed"):
        ours("PongNoFrameskip-v4", kwargs)


def test_other_environments_are_refused():
    with pytest.raises(EnvironmentError_, match="CartPole-v1 is not a plain Atari environment"):
        ours("CartPole-v1")


@pytest.mark.parametrize(
    "settings", [{"frame_skip": 0}, {"noop_max": -1}, {"screen_size": 200}, {"screen_size": 84.0}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match="of the Atari preprocessing"):
        AtariPreprocessing(**settings)


@pytest.mark.parametrize(
    "described", [{"noop_max": "x"}, {"frame": 3}, {"fire_after_life": 1}, [1], "x"], ids=str
)
def test_what_a_strangers_manifest_says_of_it_is_checked(described):
    with pytest.raises(ConfigError):
        AtariPreprocessing.from_description(described)


@sweep(
    ("trained_on", "played", "kwargs"),
    [
        ("PongNoFrameskip-v4", "PongNoFrameskip-v4", {}),
        ("TetrisNoFrameskip-v4", "ALE/Tetris-v5", {"frameskip": 1, "repeat_action_probability": 0.0}),
        ("TetrisNoFrameskip-v0", "ALE/Tetris-v5", {"frameskip": 1, "repeat_action_probability": 0.25}),
    ],
)
def test_old_ids_are_mapped_to_games_that_skip_nothing(trained_on, played, kwargs):
    found = match(trained_on, {}, lambda *_: None, limits=LIMITS, layers=Layers(AtariPreprocessing()))
    assert (found.spec.id, found.spec.kwargs) == (played, kwargs)
