"""Noise, in words."""

import pytest
from card_folders import inputs_of

from builder.card.interference import interference_limits, interferes, level_words, noise_words, switch_words


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"kind": "gaussian", "std": 0.3}, "normal noise on each of them, of the standard deviation 0.3"),
        ({"kind": "gaussian", "std": [1, 2]}, "of a given standard deviation for each component"),
        ({"kind": "gaussian", "cov": [[1, 0], [0, 1]]}, "of a given covariance, 2 by 2"),
        ({"kind": "uniform", "half_width": 0.5}, "uniform noise on each of them, of the half-width 0.5"),
        ({"kind": "ou", "std": 1}, "of the standard deviation 1, which returns by 0.15 each step"),
        (
            {"kind": "epsilon", "epsilon": 0.1},
            "with the probability 0.1, by a uniform draw (of several choices each by itself)",
        ),
        (
            {"kind": "sticky", "probability": 0.25},
            "with the probability 0.25, by what was done a step before",
        ),
    ],
    ids=range(7),
)
def test_each_kind_is_said_in_words(noise, words):
    assert words in noise_words({"noise": noise})


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ({"steps": [2, 5]}, "the first 2 to 5 are those of random actions, and then the expert plays"),
        ({"probability": 0.5}, "each is, by the chance 0.5, that of random actions"),
        ({"steps": 4, "probability": 0.1}, "by the chance 0.1 at each step, 4 steps of random actions begin"),
    ],
    ids=range(3),
)
def test_who_else_plays_is_said_in_words(switch, words):
    assert switch_words({"switch": {"policy": "random", **switch}}) == words


def test_of_an_expert_that_plays_alone_nothing_is_said():
    plain = inputs_of()
    assert (interferes(plain), noise_words(plain["config"]["rollout"]), interference_limits(plain)) == (
        False,
        "",
        [],
    )


def test_how_the_amount_was_found_is_said_in_words():
    inputs = {
        "config": {"rollout": {"target": 0.5}},
        "level": {"kind": "ou", "amount": 0.2, "score": 0.5123, "episodes": 30, "reference": {}},
    }
    assert level_words(inputs) == (
        "so much that 30 attempts of other seeds had a mean normalised score of 0.512 (0 random, 1 expert),"
        " where 0.5 was wanted"
    )
    assert level_words({"level": inputs["level"]}) == level_words(inputs_of()) == ""
