"""Components have names and units where the environment is known."""

import gymnasium as gym
import pytest
from card_folders import REWARDS, inputs_of, table

from builder.card import render_card
from builder.episodes.spaces import Spaces


def test_components_of_a_known_environment_have_names_and_units(dataset):
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))
    assert table(card, "Columns", 2)[2:] == [
        ["0", "cart position", "m", "-4.8 to 4.8"],
        ["1", "cart velocity", "m/s", "unbounded"],
        ["2", "pole angle", "rad", "-0.4189 to 0.4189"],
        ["3", "pole angular velocity", "rad/s", "unbounded"],
    ]


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1"])
def test_every_component_of_the_known_environments_is_named(env_id):
    from builder.card.columns import components

    env = gym.make(env_id)
    observation, action = components(env_id, Spaces(env.observation_space, env.action_space))
    assert len(observation.splitlines()) == 2 + env.observation_space.shape[0]
    assert len(action.splitlines()) == 2 + getattr(env.action_space, "n", 1)


def test_components_that_do_not_fit_the_spaces_are_not_named(dataset):
    spaces = (gym.spaces.Box(-1, 1, (3,)), gym.spaces.Discrete(3))
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5"), spaces=spaces))
    assert "cart position" not in card
    assert "as the environment defines them" in card
