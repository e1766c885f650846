"""Environments that allow some of their actions at a time, and say so in various ways."""

import gymnasium as gym
import numpy as np

ACTIONS = {
    "one": gym.spaces.Discrete(5),
    "several": gym.spaces.MultiDiscrete([3, 2]),
    "bits": gym.spaces.MultiBinary(3),
}
COUNTS = {"one": [5], "several": [3, 2], "bits": [2, 2, 2]}
SEEN = gym.spaces.Box(0, 1, (3,), np.float32)


class Doors(gym.Env):
    """Half of the doors are locked at each step, which cannot be seen; a locked one ends the episode."""

    def __init__(self, actions="one", seen="vector"):
        self.action_space = ACTIONS[actions]
        self.counts = COUNTS[actions]
        self.observation_space = SEEN
        if seen == "mask":
            mask = gym.spaces.MultiBinary(sum(self.counts))
            self.observation_space = gym.spaces.Dict(action_mask=mask, vector=SEEN)
        self.mask = np.zeros(sum(self.counts), bool)  # written into again and again

    def draw(self):
        for part in np.split(self.mask, np.cumsum(self.counts)[:-1]):
            part[:] = False
            part[self.np_random.choice(len(part), (len(part) + 1) // 2, replace=False)] = True
        vector = self.np_random.random(3).astype(np.float32)
        if self.observation_space is SEEN:
            return vector
        return {"action_mask": self.mask.astype(np.int8), "vector": vector}

    def allows(self, action):
        parts = np.split(self.mask, np.cumsum(self.counts)[:-1])
        return all(part[chosen] for part, chosen in zip(parts, np.atleast_1d(action), strict=True))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.draw(), {}

    def step(self, action):
        fine = self.allows(action)
        over = bool(not fine or self.np_random.random() < 0.1)
        return self.draw(), float(np.sum(action)) if fine else -10.0, over, False, {}


class Method(Doors):
    """Says it as MaskablePPO asks for it; the array is its own."""

    def action_masks(self):
        return self.mask


class Listed(Doors):
    """Likewise, as the documentation of sb3-contrib has it."""

    def action_masks(self):
        return [bool(open_) for open_ in self.mask]


class Info(Doors):
    """Says it in its info, as Taxi does, in an array that it fills anew."""

    def told(self):
        self.told_in = getattr(self, "told_in", np.zeros(len(self.mask), np.int8))
        self.told_in[:] = self.mask
        return {"action_mask": self.told_in}

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0], self.told()

    def step(self, action):
        return (*super().step(action)[:4], self.told())


class Once(Info):
    """Says it when an episode begins, and then no more."""

    def step(self, action):
        return (*super().step(action)[:4], {})


class Attribute(Doors):
    """Has an array under that name."""

    @property
    def action_masks(self):
        return self.mask


class Short(Method):
    """Forgets a door."""

    def action_masks(self):
        return self.mask[1:]


class DeadEnd(Method):
    """Allows nothing at all at the third step of an odd seed."""

    def reset(self, *, seed=None, options=None):
        self.steps, self.odd = 0, seed % 2
        return super().reset(seed=seed)

    def step(self, action):
        self.steps += 1
        return super().step(action)

    def action_masks(self):
        return self.mask & (self.steps != 2 or not self.odd)


class Drawn(Doors):
    """Draws the mask when it is asked: who asks twice gets other episodes."""

    def action_masks(self):
        self.draw()
        return self.mask


class Raises(Method):
    """Has no answer."""

    def action_masks(self):
        raise RuntimeError("nobody knows")


class Opened(gym.Wrapper):
    """A wrapper that has the mask of an environment that has none."""

    def action_masks(self):
        return self.env.unwrapped.mask


for kind in (Doors, Method, Listed, Info, Once, Attribute, Short, DeadEnd, Drawn, Raises):
    gym.register(f"masked/{kind.__name__}-v0", kind, max_episode_steps=12)


def env_id(kind):
    """The id by which a build finds one, in any process."""
    return f"masked:masked/{kind.__name__}-v0"
