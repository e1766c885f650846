"""Minari: `DataCollector` to a finished dataset. Arguments: ARCHIVE OUT EPISODES."""

import os
import sys

os.environ["MINARI_DATASETS_PATH"] = sys.argv[2]

import gymnasium as gym
from minari import DataCollector
from stable_baselines3 import PPO

from benchmarks.peer_scripts.answers import Clock, answer


def main(archive: str, episodes: int) -> None:
    model = PPO.load(archive, device="cpu")
    clock = Clock()
    environment, steps = DataCollector(gym.make("CartPole-v1")), 0
    for episode in range(episodes):
        observation, _ = environment.reset(seed=episode)
        ended = False
        while not ended:
            action, _ = model.predict(observation, deterministic=True)
            observation, _, terminated, truncated, _ = environment.step(int(action))
            ended, steps = terminated or truncated, steps + 1
    environment.create_dataset(
        dataset_id="cartpole/expert-v0",
        algorithm_name="ppo",
        author="benchmark",
        author_email="benchmark@example.org",
        code_permalink="https://example.org",
        description="CartPole, played by a PPO agent",
    )
    environment.close()
    taken = clock.taken()
    answer("minari", "stable-baselines3", "gymnasium", "torch", steps=steps, **taken)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[3]))
