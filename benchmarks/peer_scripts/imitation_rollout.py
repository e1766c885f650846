"""imitation: `rollout.rollout` to a saved dataset. Arguments: ARCHIVE OUT EPISODES ENVIRONMENTS."""

import sys
from typing import Any

import gymnasium as gym
import numpy as np
from imitation.data import rollout, serialize
from imitation.data.wrappers import RolloutInfoWrapper
from imitation.util.util import make_vec_env
from stable_baselines3 import PPO

from benchmarks.peer_scripts.answers import Clock, answer


def spaces() -> dict[str, Any]:
    """Those of its gymnasium, since it cannot read the bounds that a later one has pickled."""
    environment = gym.make("CartPole-v1")
    return {name: getattr(environment, name) for name in ("observation_space", "action_space")}


def main(archive: str, out: str, episodes: int, environments: int) -> None:
    model = PPO.load(archive, device="cpu", custom_objects=spaces())
    rng = np.random.default_rng(0)
    clock = Clock()
    vector = make_vec_env(
        "CartPole-v1",
        n_envs=environments,
        rng=rng,
        post_wrappers=[lambda environment, _: RolloutInfoWrapper(environment)],
    )
    until = rollout.make_sample_until(min_timesteps=None, min_episodes=episodes)
    found = rollout.rollout(model, vector, until, rng=rng, deterministic_policy=True)
    serialize.save(out, found)
    taken = clock.taken()
    steps = sum(map(len, found))
    answer("imitation", "stable-baselines3", "gymnasium", "torch", steps=steps, **taken)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
