"""Environments and policies, each with one habit that makes the building of datasets hard."""

import random

import gymnasium as gym
import numpy as np


class Calm(gym.Env):
    """Walks where its actions lead; every other one here is this with one habit."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.t = self.np_random.normal(size=2), 0
        return self.x.copy(), {}

    def step(self, action):
        self.t += 1
        self.x = self.x + action + self.np_random.normal(size=2) * 0.01
        return self.x.copy(), -float(np.abs(self.x).sum()), self.t >= 12, False, {}


class Unseeded(Calm):
    """Ignores its seed: draws from a generator that nobody seeds."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=int(np.random.SeedSequence().generate_state(1)[0]))


class Same(Calm):
    """Ignores its seed: every episode is the same."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=5)


class Drifts(Calm):
    """Remembers how often it was reset, late in its episodes."""

    resets = 0

    def reset(self, *, seed=None, options=None):
        self.resets += 1
        return super().reset(seed=seed)

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward + (self.resets if self.t == 9 else 0), terminated, truncated, info


class Harder(gym.Env):
    """Begins farther from its goal after each success, which random actions do not reach."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = gym.spaces.Discrete(3)
    level = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x = np.array([12.0 + self.level + self.np_random.integers(3)])
        return self.x.copy(), {}

    def step(self, action):
        self.x = self.x + int(action) - 1
        success = bool(self.x[0] <= 0)
        self.level += success
        return self.x.copy(), float(success), success, False, {}


class GoesDown:
    """What succeeds at `Harder`."""

    def predict(self, obs, state=None, deterministic=True):
        return 0, state


class HarderLater(Harder):
    """Begins farther away only after its third success."""

    def reset(self, *, seed=None, options=None):
        level, self.level = self.level, self.level * (self.level >= 3)
        try:
            return super().reset(seed=seed)
        finally:
            self.level = level


class HarderForAll(Harder):
    """Counts successes in its class."""

    successes = 0

    @property
    def level(self):
        return HarderForAll.successes

    @level.setter
    def level(self, value):
        HarderForAll.successes = value


GENERATOR = {}


class OfItsModule(Calm):
    """Draws from a generator of its module, which reset seeds."""

    def reset(self, *, seed=None, options=None):
        GENERATOR["rng"] = np.random.default_rng(seed)
        return super().reset(seed=seed)

    def step(self, action):
        observation, *rest = super().step(action + GENERATOR["rng"].normal(size=2) * 0.01)
        return (observation, *rest)


class Windy(Calm):
    """Draws from numpy's and Python's global generators, which reset seeds."""

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            np.random.seed(seed)  # noqa: NPY002  (the fault that is looked for)
            random.seed(seed)
        return super().reset(seed=seed)

    def step(self, action):
        wind = np.random.normal(size=2) * 0.01 + random.random() * 0.001  # noqa: NPY002  (as above)
        return super().step(action + wind)


class SeedsAll(Calm):
    """Seeds numpy's global generator in reset, and draws nothing from it."""

    def reset(self, *, seed=None, options=None):
        np.random.seed(seed)  # noqa: NPY002  (as above)
        return super().reset(seed=seed)


WORLD = {"x": np.zeros(2)}


class Shared(Calm):
    """Keeps its state where all instances of the process keep theirs."""

    @property
    def x(self):
        return WORLD["x"]

    @x.setter
    def x(self, value):
        WORLD["x"] = value


class Clears(Calm):
    """Making one begins the simulators of all others anew."""

    living = []  # noqa: RUF012  (the fault that is looked for)

    def __init__(self):
        for other in self.living:
            other.x = np.zeros(2)
        self.living.append(self)

    def close(self):
        self.living.remove(self)


class Restores(Shared):
    """Leaves what all share as it found it, but not while it plays."""

    def __init__(self):
        self.found = WORLD["x"]

    def close(self):
        WORLD["x"] = self.found


class SharedBandit(Shared):
    """Each episode is one step."""

    def step(self, action):
        observation, reward, _, *rest = super().step(action)
        return (observation, reward, True, *rest)


class ClosesAll(Calm):
    """Closing one ends the simulator that all of them use."""

    running = False

    def __init__(self):
        ClosesAll.running = True

    def close(self):
        ClosesAll.running = False

    def step(self, action):
        if not ClosesAll.running:
            raise RuntimeError("the simulator has ended")
        return super().step(action)


class OnlyOne(Calm):
    """A process may have one at a time."""

    taken = False
    together = 0

    def __init__(self):
        if OnlyOne.taken:
            OnlyOne.together += 1
            raise RuntimeError("port 5005 is in use by another instance")
        OnlyOne.taken = True

    def close(self):
        OnlyOne.taken = False


class OnlyOneDrifts(OnlyOne, Drifts):
    """A process may have one at a time, and that one remembers."""


class Keeps(Calm):
    """Writes each observation into the array that it gave before."""

    def reset(self, *, seed=None, options=None):
        self.seen = np.zeros(2)
        self.seen[:] = super().reset(seed=seed)[0]
        return self.seen, {}

    def step(self, action):
        observation, *rest = super().step(action)
        self.seen[:] = observation
        return (self.seen, *rest)


class Edits(Calm):
    """Scales the action that it is given in place."""

    def step(self, action):
        action *= 0.5
        return super().step(action)


class Untrue(Calm):
    """Gives three numbers where it declares two."""

    def step(self, action):
        observation, *rest = super().step(action)
        return (np.append(observation, 0.0), *rest)


class Beyond(Calm):
    """Leaves the bounds that it declares."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float64)


class Nan(Calm):
    """Gives NaN at its fifth step."""

    def step(self, action):
        observation, *rest = super().step(action)
        return (observation * (np.nan if self.t == 5 else 1), *rest)


class Infinite(Calm):
    """Sees nothing, infinitely far away, at its fifth step."""

    def step(self, action):
        observation, *rest = super().step(action)
        return (np.where(self.t == 5, np.inf, observation), *rest)


class Raises(Calm):
    """Raises at its fifth step."""

    def step(self, action):
        if self.t == 4:
            raise RuntimeError("the wheel came off")
        return super().step(action)


KINDS = [
    *(Calm, Unseeded, Same, Drifts, Harder, HarderLater, HarderForAll, Windy, SeedsAll, OfItsModule),
    *(Shared, Restores, SharedBandit, Clears, ClosesAll, OnlyOne, OnlyOneDrifts),
    *(Keeps, Edits, Untrue, Beyond, Nan, Infinite, Raises),
]


def register():
    """Make them known to gymnasium as `unruly/NAME-v0`."""
    for kind in KINDS:
        gym.register(f"unruly/{kind.__name__}-v0", kind, max_episode_steps=50)


def forget():
    """Undo `register`."""
    for kind in KINDS:
        gym.registry.pop(f"unruly/{kind.__name__}-v0", None)
    OnlyOne.taken, OnlyOne.together = False, 0
    HarderForAll.successes = 0
