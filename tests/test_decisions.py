"""`python -m benchmarks pixels frames=N`: an action that float32 gets wrong without doubt is counted."""

from dataclasses import dataclass
from itertools import count

import gymnasium as gym
import numpy as np
import pytest

from benchmarks.decisions import LANES, STEPS, Lanes, compared, drawn
from builder.experts.network.action_selection import Decision
from builder.experts.network.certain import certain


class Noise(gym.Env):
    """Pictures of noise, of which a few places change."""

    action_space = gym.spaces.Discrete(5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.picture = 0, self.np_random.integers(0, 256, (84, 84), np.uint8)
        return self.picture, {}

    def step(self, action):
        self.steps += 1
        self.picture[self.np_random.integers(84), self.np_random.integers(84)] = 0
        return self.picture, 0.0, self.steps == 9, False, {}


@dataclass
class Fixed:
    """Decides on action 3, in doubt or not."""

    doubt: bool
    wide: int = 0

    def __call__(self, pictures):
        unsure = np.ones(len(pictures), bool) if self.doubt else None
        return Decision(np.full((len(pictures), 1), 3), unsure)


def lanes():
    return Lanes([Noise() for _ in range(LANES)], count())


def test_what_a_build_decides_is_what_float64_decides():
    rng = np.random.default_rng(0)
    network = drawn(rng, 5)
    found = compared(network, certain(network, channels_last=True), lanes(), 1, rng)
    assert (found.networks, found.counts.sum(), found.wrong) == (1, LANES * STEPS, 0)
    assert found.counts[3] < LANES * STEPS / 2


@pytest.mark.parametrize("doubt", [False, True])
def test_other_actions_are_counted_by_whether_they_were_in_doubt(doubt):
    rng = np.random.default_rng(0)
    found = compared(drawn(rng, 5), Fixed(doubt), lanes(), 1, rng)
    assert (found.wrong > 0, found.otherwise > 0) == (not doubt, doubt)
    assert found.counts.tolist() == ([0, 0, 0, LANES * STEPS] if doubt else [LANES * STEPS, 0, 0, 0])
