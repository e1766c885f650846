"""Components have names and units where the environment is known."""

import gymnasium as gym
from card_folders import REWARDS, inputs_of, table

from builder.card import render_card
from builder.card.columns import component_tables, documented_id
from builder.episodes.spaces import Spaces


def test_components_of_a_known_environment_have_names_and_units(dataset):
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))
    assert table(card, "Columns", 2)[2:] == [
        ["0", "cart position", "m", "-4.8 to 4.8"],
        ["1", "cart velocity", "m/s", "unbounded"],
        ["2", "pole angle", "rad", "-0.4189 to 0.4189"],
        ["3", "pole angular velocity", "rad/s", "unbounded"],
    ]


def test_choices_are_numbered_from_their_lowest():
    action = gym.spaces.Discrete(2, start=3)
    tables = component_tables("CartPole-v1", Spaces(gym.spaces.Box(-1, 1, (9,)), action))
    assert [line.split("|")[1].strip() for line in tables[0].splitlines()[2:]] == ["3", "4"]


def test_the_parts_of_a_tuple_are_named_with_what_each_may_be():
    parts = gym.spaces.Tuple([gym.spaces.Discrete(32), gym.spaces.Discrete(11), gym.spaces.Discrete(2)])
    observation, action = component_tables("Blackjack-v1", Spaces(parts, gym.spaces.Discrete(2)))
    assert observation.splitlines()[2:4] == [
        "| 0 | player's current sum |  | 0 to 31 |",
        "| 1 | dealer's showing card (1: ace) |  | 0 to 10 |",
    ]
    assert action.splitlines()[2:] == ["| 0 | stick |", "| 1 | hit |"]


def test_a_long_table_of_components_is_folded():
    spaces = Spaces(gym.spaces.Box(-1, 1, (105,)), gym.spaces.Box(-1, 1, (8,)))
    observation, action = component_tables("Ant-v5", spaces)
    assert observation.startswith("<details><summary>The 105 components of the observation</summary>\n\n|")
    assert len(observation.splitlines()) == 2 + 2 + 105 + 2
    assert action.startswith("|")


def test_behind_wrappers_of_ones_own_nothing_is_named():
    assert documented_id({"id": "CartPole-v1"}) == "CartPole-v1"
    assert documented_id({"id": "CartPole-v1", "wrappers": [{"path": "x:Y"}]}) == ""
    assert component_tables("", Spaces(gym.spaces.Box(-1, 1, (4,)), gym.spaces.Discrete(2))) == []


def test_components_that_do_not_fit_the_spaces_are_not_named(dataset):
    spaces = (gym.spaces.Box(-1, 1, (3,)), gym.spaces.Discrete(3))
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5"), spaces=spaces))
    assert "cart position" not in card
    assert "as the environment defines them" in card
