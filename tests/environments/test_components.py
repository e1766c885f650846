"""The table of components fits the real spaces, and says what gymnasium's documentation says."""

import importlib
import inspect
import math
import re

import gymnasium as gym
import numpy as np
import pytest
from sweeps import case

from builder.environments.components import choice_names, component_names, components
from builder.episodes.spaces import leaves

PARTS = ("observation", "action")
CANNOT_BE_MADE = {"Pusher-v4"}
"""It needs an older MuJoCo."""
OWN = sorted(
    name
    for name, spec in gym.registry.items()
    if str(spec.entry_point).startswith("gymnasium.envs.")
    and spec.namespace is None  # those of phys2d and tabular need JAX
    and name not in CANNOT_BE_MADE
)


def spaces(env_id, **kwargs):
    try:
        env = gym.make(env_id, **kwargs)
    except gym.error.DependencyNotInstalled as error:
        pytest.skip(str(error))
    found = env.observation_space, env.action_space
    env.close()
    return found


def is_picture(space):
    return isinstance(space, gym.spaces.Box) and len(space.shape) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_environment_of_gymnasium_is_named_in_full():
    for env_id in OWN:
        with case(env_id):
            observation, action = spaces(env_id)
            if not is_picture(observation):
                numbers = sum(math.prod(leaf.shape) for leaf in leaves(observation))
                assert len(set(component_names(env_id, "observation", observation))) == numbers
            if isinstance(action, gym.spaces.Discrete):
                assert len(set(choice_names(env_id, "action", action))) == action.n
            else:
                assert len(set(component_names(env_id, "action", action))) == math.prod(action.shape)


def documented(env_id):
    """The rows of the tables of actions and observations in an environment's docstring: (number, name)."""
    module, name = gym.registry[env_id].entry_point.split(":")
    text = inspect.getdoc(getattr(importlib.import_module(module), name))
    rows = [line.strip("| \n").split("|") for line in text.splitlines() if re.match(r"\| *\d+ *\|", line)]
    return [(int(cells[0]), cells[1].strip()) for cells in rows if len(cells) >= 6]


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Hopper-v5", "Humanoid-v5", "Ant-v5", "Reacher-v5"])
def test_components_are_in_the_order_of_the_documentation(env_id):
    observation, action = (component_names(env_id, *pair) for pair in zip(PARTS, spaces(env_id), strict=True))
    rows = documented(env_id)
    actions, rest = rows[: len(action)], rows[len(action) :]
    assert [name.lower() for _, name in actions] == [name.lower() for name in action]
    for number, name in rest[: len(observation)]:
        assert re.sub(r"\s+", " ", name).lower() == observation[number].lower()


def test_positions_that_are_left_in_are_named_before_the_others():
    kwargs = {"exclude_current_positions_from_observation": False}
    names = component_names("Hopper-v5", "observation", spaces("Hopper-v5", **kwargs)[0])
    assert len(names) == 12
    assert names[0] == "x-coordinate of the torso"


def test_of_external_forces_the_torques_come_first():
    pytest.importorskip("mujoco")
    env = gym.make("Ant-v5")
    env.reset(seed=0)
    for _ in range(40):
        observation = env.step(np.zeros(8, np.float32))[0]
    named = components("Ant-v5", "observation", env.observation_space)
    upwards = [index for index, found in enumerate(named) if found.name.startswith("external force along z")]
    assert observation[upwards].max() == 1.0  # it stands; MuJoCo's pull is clipped
    assert observation[upwards].min() >= 0.0
    assert {named[index].unit for index in upwards} == {"N"}


def test_a_continuous_form_of_an_environment_is_told_from_its_discrete_one():
    discrete, box = gym.spaces.Discrete(4), gym.spaces.Box(-1, 1, (2,))
    assert choice_names("LunarLander-v3", "action", discrete)[2] == "fire main engine"
    assert component_names("LunarLander-v3", "action", discrete) == ()
    assert len(component_names("LunarLander-v3", "action", box)) == 2
    assert choice_names("LunarLander-v3", "action", box) == ()


def test_spaces_that_do_not_fit_and_unknown_environments_have_no_names():
    assert component_names("CartPole-v1", "observation", gym.spaces.Box(-1, 1, (3,))) == ()
    assert choice_names("CartPole-v1", "action", gym.spaces.Discrete(3)) == ()
    assert component_names("Mine-v0", "observation", gym.spaces.Box(-1, 1, (3,))) == ()


@pytest.mark.parametrize(
    ("env_id", "choices", "names"),
    [
        ("ALE/Breakout-v5", 4, ("do nothing", "fire", "right", "left")),
        ("BreakoutNoFrameskip-v4", 4, ("do nothing", "fire", "right", "left")),
        ("Mine/Breakout-v5", 4, ()),
        ("Breakout-v7", 4, ()),
    ],
)
def test_the_choices_of_ataris_games_are_named(env_id, choices, names):
    assert choice_names(env_id, "action", gym.spaces.Discrete(choices)) == names
    assert len(choice_names(env_id, "action", gym.spaces.Discrete(18))) == (18 if names else 0)


@pytest.mark.slow
def test_every_game_of_ale_py_has_as_many_choices_as_it_says():
    ale_py = pytest.importorskip("ale_py")
    gym.register_envs(ale_py)
    games = [name for name in gym.registry if name.startswith("ALE/") and name.endswith("-v5")]
    for name in (*games[::40], "ALE/MsPacman-v5", "ALE/UpNDown-v5"):
        env = gym.make(name)
        names = choice_names(name, "action", env.action_space)
        meanings = [meaning.lower() for meaning in env.unwrapped.get_action_meanings()]
        assert [found.replace(" ", "") for found in names] == [
            m.replace("noop", "donothing") for m in meanings
        ]
        env.close()
    assert all(choice_names(name, "action", gym.spaces.Discrete(18)) for name in games)
