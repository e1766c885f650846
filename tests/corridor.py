"""Builds on the tests' own environment `Corridor-v0`, by our functions and by a user's own."""

import gymnasium as gym
import numpy as np

from builder import Controller, Episode
from builder.storage.layout import Layout

CORRIDOR = {"expert": "random", "env.id": "Corridor-v0", "episodes": 20}


def start(out, **config):
    return Controller().start({**CORRIDOR, "out": str(out), **config})


def chunks(out):
    return sorted(path.name for path in Layout.of(out).chunks.rglob("chunk-*"))


class Always:
    """Goes right."""

    def predict(self, obs, state=None, deterministic=True):
        return 1, state


def record(path, context, expert, *, refuse=lambda index: False):
    environment = gym.make(expert.name)
    observation, _ = environment.reset(seed=context.seed)
    observations, actions, rewards, ended = [observation], [], [], False
    while not ended:
        action = int(context.rng.integers(2))
        observation, reward, ended, _, _ = environment.step(action)
        observations.append(observation)
        actions.append(action)
        rewards.append(reward)
    flags = np.zeros(len(rewards), bool)
    context.add_log(f"{len(rewards)} steps")
    episode = Episode(
        np.array(observations),
        np.array(actions),
        np.array(rewards),
        np.append(flags[:-1], True),
        flags,
        seed=context.seed,
        index=context.index,
    )
    if refuse(context.index):
        return False
    episode.save(path)
    return True
