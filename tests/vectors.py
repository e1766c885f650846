"""Vector environments of gymnasium's own making, and their lanes."""

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import SyncVectorEnv

from builder.environments.environment import EnvironmentSpec
from builder.environments.vector_entry import VectorLanes


def sync(mode):
    """The entry point of a vector environment that steps Pendulums one by one."""

    def make(num_envs, max_episode_steps):
        def one():
            return gym.make("Pendulum-v1", max_episode_steps=max_episode_steps, disable_env_checker=True)

        return SyncVectorEnv([one] * num_envs, autoreset_mode=mode)

    return make


def lanes_of(mode, count=3, limit=5):
    registered = EnvSpec(
        "Pendulum-v1",
        entry_point="gymnasium.envs.classic_control.pendulum:PendulumEnv",
        vector_entry_point=sync(mode),
        max_episode_steps=200,
    )
    return VectorLanes(EnvironmentSpec("Pendulum-v1", max_episode_steps=limit, registered=registered), count)
