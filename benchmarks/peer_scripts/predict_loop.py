"""What people write first: `model.predict` in a loop, and one `.npz`. Arguments: ARCHIVE OUT EPISODES."""

import sys

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO

from benchmarks.peer_scripts.answers import Clock, answer


def main(archive: str, out: str, episodes: int) -> None:
    model = PPO.load(archive, device="cpu")
    clock = Clock()
    environment = gym.make("CartPole-v1")
    observations, actions, rewards, starts = [], [], [], []
    for episode in range(episodes):
        observation, _ = environment.reset(seed=episode)
        ended, start = False, True
        while not ended:
            action, _ = model.predict(observation, deterministic=True)
            observations.append(observation)
            actions.append(action)
            starts.append(start)
            observation, reward, terminated, truncated, _ = environment.step(action)
            rewards.append(reward)
            ended, start = terminated or truncated, False
    np.savez(
        f"{out}/dataset.npz",
        observations=np.array(observations),
        actions=np.array(actions),
        rewards=np.array(rewards),
        starts=np.array(starts),
    )
    taken = clock.taken()
    answer("stable-baselines3", "gymnasium", "torch", steps=len(actions), **taken)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
