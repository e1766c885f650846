"""What `rollout.switch` may say."""

import pytest

from builder.episodes.switch import Switch
from builder.errors import ConfigError


def test_who_and_when_are_read():
    assert Switch.of({"policy": "random", "steps": [3, 9]}) == Switch("random", (3, 9))
    assert Switch.of({"policy": "a.zip", "steps": 4, "probability": 1}) == Switch("a.zip", (4, 4), 1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"probability": 0.5}, r"policy must be given; expected random, or the path"),
        ({"policy": "random", "step": [1, 2]}, r"has no 'step'; did you mean 'steps'"),
        ({"policy": "random", "probability": 1.5}, r"probability is out of range; expected 0 to 1"),
        ({"policy": "random", "probability": float("nan")}, r"probability is out of range"),
        ({"policy": "random", "steps": [3, 2]}, r"steps is out of range; expected \[a, b\], from 1 on"),
        ({"policy": "random", "steps": [0, 2]}, r"steps is out of range"),
        ({"policy": "random", "steps": [1, 2, 3]}, r"steps is out of range"),
        ({"policy": "random", "steps": [1.0, 2.0]}, r"steps is out of range"),
    ],
    ids=range(8),
)
def test_what_is_no_switch_is_refused_in_a_line(given, message):
    with pytest.raises(ConfigError, match=message):
        Switch.of(given)


def test_a_switch_of_which_nothing_says_when_is_refused():
    with pytest.raises(ConfigError, match=r"does not say when random plays; add rollout\.switch\.steps"):
        Switch.of({"policy": "random"}).check()
