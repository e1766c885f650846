"""imitation: `rollout.rollout` to a saved dataset. Arguments: ARCHIVE OUT EPISODES ENVIRONMENTS."""

import sys
import time

import numpy as np
from imitation.data import rollout, serialize
from imitation.data.wrappers import RolloutInfoWrapper
from imitation.util.util import make_vec_env
from stable_baselines3 import PPO

from benchmarks.peer_scripts.answers import answer


def main(archive: str, out: str, episodes: int, environments: int) -> None:
    model = PPO.load(archive, device="cpu")
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    vector = make_vec_env(
        "CartPole-v1",
        n_envs=environments,
        rng=rng,
        post_wrappers=[lambda environment, _: RolloutInfoWrapper(environment)],
    )
    until = rollout.make_sample_until(min_timesteps=None, min_episodes=episodes)
    found = rollout.rollout(model, vector, until, rng=rng, deterministic_policy=True)
    serialize.save(out, found)
    seconds = time.perf_counter() - began
    answer(
        "imitation", "stable-baselines3", "gymnasium", "torch", steps=sum(map(len, found)), seconds=seconds
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
