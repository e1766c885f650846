"""An environment whose `info` says all kinds of things."""

import gymnasium as gym
import numpy as np


class Telling(gym.Env):
    """Ends after 3 to 8 steps, in success where they were odd; of the seed `late` one type changes."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    made = 0

    def __init__(self, late=None):
        self.late, self.resets = late, 0
        Telling.made += 1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seed = seed
        self.steps, self.length = 0, int(self.np_random.integers(3, 9))
        self.resets += 1
        return np.zeros(2, np.float32), {"length": self.length, "word": "begin", "resets": self.resets}

    def step(self, action):
        self.steps += 1
        ended = self.steps >= self.length
        info = {
            "third": self.steps / 3,
            "count": self.steps,
            "late": 0.5 if self.seed == self.late else self.steps,
            "mixed": self.steps if self.steps % 2 else self.steps + 0.5,
            "word": f"step {self.steps}",
            "triple": np.arange(3, dtype=np.float32) * self.steps,
            "picture": np.full((8, 8, 3), self.steps, np.uint8),
            "sometimes": None if self.steps % 2 else self.steps,
            "thing": object(),
            "nested": {"a": 1},
            "odd key": 1,
            "_count": 1,
            "resets": self.resets,
        }
        if ended:
            info["is_success"] = bool(self.length % 2)
        return np.full(2, self.steps / 10, np.float32), 1.0, ended, False, info


COLUMNS = ("count", "is_success", "late", "mixed", "picture", "sometimes", "third", "triple", "word")
gym.register("Telling/All-v0", Telling, max_episode_steps=20)


class Moved(Telling):
    """Says something only of steps whose action is not 0."""

    def step(self, action):
        *given, _ = super().step(action)
        return *given, {"moved": 1.5} if action else {}


class Still:
    """A policy that does nothing."""

    def predict(self, obs, state=None, deterministic=True):
        return 0, state


gym.register("Telling/Moved-v0", Moved, max_episode_steps=20)
