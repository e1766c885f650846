"""Experts as the configuration gives them."""

import dataclasses
import hashlib
from functools import cache

import gymnasium as gym
import numpy as np

from builder.composition import build_config
from builder.episodes.context import Context
from builder.experts.policy import BUNDLED
from builder.experts.sources.load import load_expert
from builder.experts.sources.registered import DEFAULT_ROLLOUT

LINE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
CHOICE = gym.spaces.Discrete(2)
CARTPOLE = BUNDLED / "cartpole.zip"
SHA256 = hashlib.sha256(CARTPOLE.read_bytes()).hexdigest()


class Right:
    """Goes right; left where it may choose."""

    def predict(self, obs, state=None, deterministic=True):
        return int(deterministic), state


@cache
def composed(name):
    return build_config([f"expert={name}", *(["expert.name=mine"] if name == "registered" else [])]).expert


def loaded(expert, /, *, rollout=DEFAULT_ROLLOUT, **keys):
    return load_expert(dataclasses.replace(composed(expert), **keys), rollout)


def player_of(expert, rollout=DEFAULT_ROLLOUT):
    return expert.player(rollout, env_id="CartPole-v1", max_episode_steps=500)


def first_action(player):
    actor = player.actor(LINE, CHOICE)
    actor.begin(0, Context(0))
    ((action,),) = actor.act([np.array([[0, 0, 1, 1]], np.float32)], [0])
    return int(action)
