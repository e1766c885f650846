import pytest
from sweeps import case

from builder.composition import compose
from builder.errors import ConfigError
from builder.show.config import RenderConfig, ViewConfig

NO_FILMS = [
    ({"size": 15}, "size is out of range; expected at least 16"),
    ({"size": 5000}, "size is out of range; expected at most 4096"),
    ({"fps": 0.5}, "fps is out of range; expected 1 to 120"),
    ({"fps": float("nan")}, "fps is out of range"),
    ({"episode": True}, "episode is unknown"),
    ({"episode": None}, "episode is unknown"),
]


def test_what_no_film_can_have_is_refused():
    for wrong, line in NO_FILMS:
        with case(wrong, line), pytest.raises(ConfigError, match=line):
            RenderConfig(out=None, **wrong)


def test_an_episode_is_a_number_or_a_word():
    assert RenderConfig(out=None, episode=3).episode == 3
    assert RenderConfig(out=None).episode == "best"


def test_a_view_opens_a_browser_at_a_free_port_unless_it_is_told():
    config = compose(ViewConfig, "view", ["out=data/cartpole"])
    assert (config.port, config.browser, config.to) == (None, True, None)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_is_one(port):
    with pytest.raises(ConfigError, match="port is none"):
        compose(ViewConfig, "view", [f"port={port}"])


@pytest.mark.parametrize(
    ("words", "line"),
    [(["to=space", "episodes=[0.5]"], "an episode is unknown"), (["episodes=[best]"], "of a static page")],
)
def test_films_beside_a_page_are_of_episodes_that_can_be_named(words, line):
    with pytest.raises(ConfigError, match=line):
        compose(ViewConfig, "view", words)
