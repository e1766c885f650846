"""What docs/ calls my_package: an environment and a policy of a reader's own; the pages' tests copy it."""

import gymnasium
import numpy as np


class MyPolicy:
    """Pushes the cart to the side to which the pole falls."""

    def predict(self, obs, state=None, deterministic=True):
        return np.int64(obs[-2] + obs[-1] > 0), None


class Swings:
    """Drives a car the way it rolls."""

    def predict(self, obs, state=None, deterministic=True):
        return np.int64(2 * (obs[1] > 0)), None


class Mine(gymnasium.Env):
    """A walk along a line, to its end; until it is mended it writes into the observation that it gave."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)

    mended = False

    def __init__(self, difficulty=1):
        self.seen = np.zeros(2)
        self.difficulty = difficulty

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seen = np.array([0, self.np_random.random()])
        return self.seen, {}

    def step(self, action):
        if self.mended:
            self.seen = self.seen.copy()
        self.seen += 1, float(action)
        return self.seen, 1.0, bool(self.seen[0] >= 9 + self.difficulty), False, {}


def factory():
    """A policy, as docs/checks.md has it."""
    return MyPolicy()


def make():
    """A policy for a car in the mountains, as docs/tour.md has it."""
    return Swings()


if "Mine-v0" not in gymnasium.registry:
    gymnasium.register("Mine-v0", "my_package:Mine", max_episode_steps=100)
