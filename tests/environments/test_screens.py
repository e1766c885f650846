"""Screens in the numbers of their colours become the grey pictures that their colours would give."""

from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from sweeps import sweep

from builder.environments.frames import grey
from builder.environments.providers import provide
from builder.environments.screens import Screens

provide("ALE/Pong-v5")
GAMES = ["Breakout", "Amidar", "Atlantis", "Berzerk", "Carnival", "Enduro", "JourneyEscape", "Kangaroo"]
GAMES += ["Pooyan", "Qbert", "Riverraid", "Seaquest", "SpaceInvaders", "Venture", "VideoPinball", "AirRaid"]
FRAMES = 600


class Emulator:
    """Shows random screens, which change in part, in colours that are drawn."""

    def __init__(self, rng, *, colours=256, shape=(21, 160)):
        self.palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
        self.drawn, self.asked = colours, 0
        self._rng, self._numbers = rng, np.zeros(shape, np.uint8)

    def act(self, pixels):
        places = self._rng.integers(self._numbers.size, size=pixels)
        self._numbers.reshape(-1)[places] = self._rng.integers(self.drawn, size=pixels)

    def getScreen(self):  # noqa: N802
        return self._numbers.copy()

    def getScreenRGB(self):  # noqa: N802
        self.asked += 1
        return self.palette[self._numbers]


class Pictures:
    """The same with whole pictures, and nothing kept."""

    def __init__(self, ale):
        self._ale, self._before = ale, None

    def hold(self):
        self._before = self._ale.getScreenRGB()

    def drop(self):
        self._before = None

    def show(self):
        picture, before = self._ale.getScreenRGB(), self._before
        self._before = None
        return grey(picture if before is None else np.maximum(before, picture))


def follow(ale, act, rng, steps):
    """Look at an emulator in both ways; the rows that were told to have changed must be all that have."""
    screens, pictures, last = Screens(ale), Pictures(ale), None
    for _ in range(steps):
        for what in rng.permutation(["act", "hold", "drop", "act", "show", "hold", "act", "show"]):
            if what == "act":
                act()
            elif what != "show":
                getattr(screens, what)(), getattr(pictures, what)()
            else:
                (seen, changed), expected = screens.show(), pictures.show()
                np.testing.assert_array_equal(seen, expected)
                if last is not None:
                    assert not (expected != last).any(axis=1)[~changed].any()
                last = expected


@pytest.mark.parametrize(("pixels", "colours"), [(0, 1), (1, 2), (3, 256), (2000, 256)])
def test_screens_are_the_grey_of_their_pictures(pixels, colours):
    rng = np.random.default_rng(pixels)
    ale = Emulator(rng, colours=colours)
    follow(ale, lambda: ale.act(pixels), rng, 50)


@sweep("game", GAMES)
def test_games_are_seen_as_in_their_pictures(game):
    env, rng = gym.make(f"{game}NoFrameskip-v4", disable_env_checker=True), np.random.default_rng(0)
    env.reset(seed=0)
    ale = env.unwrapped.ale
    actions = ale.getMinimalActionSet()

    def act():
        ale.act(actions[rng.integers(len(actions))])
        if ale.game_over():
            ale.reset_game()

    follow(ale, act, rng, FRAMES // 3)
    env.close()


def test_a_picture_is_asked_for_when_a_colour_is_new():
    rng = np.random.default_rng(0)
    ale = Emulator(rng, colours=1)
    screens, ale.asked = Screens(ale), 0
    for _ in range(3):
        ale.act(10), screens.hold(), ale.act(10), screens.show()
    assert ale.asked == 0
    ale.drawn = 2
    ale.act(200), screens.hold()
    assert ale.asked == 1
    ale.drawn = 1
    ale.act(5000), screens.show()  # the new colour is on the screen that was held alone
    assert ale.asked == 1


def test_what_is_not_new_is_told_as_unchanged():
    rng = np.random.default_rng(0)
    ale = Emulator(rng)
    screens = Screens(ale)
    assert screens.show()[1].all()
    assert not screens.show()[1].any()
    ale.act(1), screens.hold()
    assert screens.show()[1].sum() <= 1


def test_every_screen_is_looked_at_anew():
    held = np.zeros((2, 160), np.uint8)
    ale = SimpleNamespace(getScreen=held.copy, getScreenRGB=lambda: held[..., None].repeat(3, axis=2))
    screens = Screens(ale)
    held[1] = 200
    seen, changed = screens.show()
    np.testing.assert_array_equal(seen, held)
    assert changed.all()  # nothing was shown before
