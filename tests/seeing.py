"""A policy that goes by more than the observation, as RL Baselines3 Zoo publishes one."""

import gymnasium as gym
import numpy as np
import yaml
from sb3_models import make_model

from builder import Controller, load

TIMED = gym.spaces.Box(-np.inf, np.inf, (5,), np.float32)
"""What it sees: four numbers of CartPole, and the time."""


def save_timed(folder):
    """A PPO agent of CartPole that sees the time too."""
    folder.mkdir()
    model = make_model("PPO", "MlpPolicy", TIMED, gym.spaces.Discrete(2), policy_kwargs={"net_arch": [8]})
    model.save(folder / "agent.zip")
    wrapper = {"env_wrapper": "sb3_contrib.common.wrappers.TimeFeatureWrapper"}
    (folder / "config.yml").write_text(yaml.dump(wrapper))
    return folder


def built(expert, out, *more):
    """A small dataset of an expert, as overrides describe it."""
    small = ["parallel=threading", "parallel.n_jobs=1", "verify_sample=0", "card.preview=false", "episodes=1"]
    Controller().start([*expert, *small, f"out={out}", *more])
    return load(out)


def timed(folder):
    """Such an agent as an expert."""
    return [
        "expert=local",
        f"expert.path={save_timed(folder)}",
        "expert.name=timed",
        "env.id=CartPole-v1",
    ]
