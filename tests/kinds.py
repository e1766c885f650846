"""Environments of every kind of space, for exchange with other libraries; needs gymnasium and numpy alone.

Observations, rewards and endings follow from the seed and the actions, so that whoever has arrays can step
them again: `restep` does.
"""

import gymnasium as gym
import numpy as np

BOX = gym.spaces.Box(-1, 1, (3,), np.float32)
OBSERVED = {
    "vector": BOX,
    "float64": gym.spaces.Box(-np.inf, np.inf, (2,), np.float64),
    "image": gym.spaces.Box(0, 255, (36, 40, 3), np.uint8),
    "dict": gym.spaces.Dict(
        {"position": BOX, "count": gym.spaces.Discrete(7), "eye": gym.spaces.Box(0, 255, (32, 32), np.uint8)}
    ),
    "tuple": gym.spaces.Tuple((BOX, gym.spaces.Box(-9, 9, (2, 2), np.int16))),
    "whole": gym.spaces.Discrete(1000, start=-500),
    "choices": BOX,
    "start": BOX,
    "binary": BOX,
    "plane": BOX,
}
DONE = {
    "choices": gym.spaces.MultiDiscrete([3, 2, 5]),
    "start": gym.spaces.Discrete(4, start=-1),
    "binary": gym.spaces.MultiBinary(4),
    "plane": gym.spaces.Box(-1, 1, (2, 2), np.float64),
}
KINDS = tuple(OBSERVED)
LONGEST = 9
"""Steps after which an episode is truncated."""


class Kind(gym.Env):
    """Ends by chance: after one step, later, or at the limit."""

    def __init__(self, kind="vector", render_mode=None):
        self.observation_space = OBSERVED[kind]
        self.action_space = DONE.get(kind, gym.spaces.Box(-2, 2, (1,), np.float32))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.last = int(self.np_random.integers(1, 2 * LONGEST))
        return self._seen(np.zeros(1)), {}

    def step(self, action):
        self.steps += 1
        acted = np.asarray(action, np.float64).reshape(-1)
        reward = float(acted.sum() + self.np_random.normal())
        terminated = self.steps == self.last
        return self._seen(acted), reward, terminated, not terminated and self.steps == LONGEST, {}

    def _seen(self, acted):
        draw = int(self.np_random.integers(2**31)) + int(1000 * acted.sum()) + self.steps
        return _value(self.observation_space, np.random.default_rng(abs(draw)))


def _value(space, rng):
    if isinstance(space, gym.spaces.Dict):
        return {key: _value(child, rng) for key, child in space.spaces.items()}
    if isinstance(space, gym.spaces.Tuple):
        return tuple(_value(child, rng) for child in space.spaces)
    if isinstance(space, gym.spaces.Discrete):
        return int(space.start + rng.integers(space.n))
    if space.dtype.kind in "iu":
        return rng.integers(int(space.low.min()), int(space.high.max()) + 1, space.shape).astype(space.dtype)
    return rng.uniform(-1, 1, space.shape).astype(space.dtype)


def register():
    """Make `Kind-v0` known to gymnasium."""
    if "Kind-v0" not in gym.registry:
        gym.register("Kind-v0", entry_point="kinds:Kind", max_episode_steps=50)


def restep(kind, seed, actions):
    """What the environment gives for a seed and actions.

    Returns:
        Observations as nested lists of arrays, one more than actions; rewards; the last step's flags.
    """
    env = Kind(kind)
    observations, rewards, ends = [env.reset(seed=seed)[0]], [], (False, False)
    for action in actions:
        observation, reward, *ends = env.step(action)[:4]
        observations.append(observation)
        rewards.append(reward)
    return observations, np.array(rewards), tuple(ends)
