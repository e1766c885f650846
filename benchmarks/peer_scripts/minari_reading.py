"""Minari: all episodes read, joined and shuffled by torch. Arguments: EPISODES.npz OUT.

It has no reader of steps; its documentation hands whole episodes to a `DataLoader`.
"""

import os
import sys
import time

os.environ["MINARI_DATASETS_PATH"] = sys.argv[2]

import gymnasium as gym
import minari
import numpy as np
import torch
from minari.data_collector.episode_buffer import EpisodeBuffer
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peer_scripts.answers import BATCH, access_rate, answer, epoch, recorded


def write(source: str) -> None:
    """The dataset in its own format."""
    buffers = []
    for number, episode in enumerate(recorded(source)):
        ends = np.zeros(len(episode["rewards"]), bool)
        ends[-1] = True
        buffers.append(
            EpisodeBuffer(
                id=number,
                observations=list(episode["observations"]),
                actions=list(episode["actions"]),
                rewards=list(episode["rewards"]),
                terminations=list(ends),
                truncations=list(np.zeros_like(ends)),
            )
        )
    minari.create_dataset_from_buffers(
        dataset_id="cartpole/expert-v0",
        buffer=buffers,
        env=gym.make("CartPole-v1"),
        algorithm_name="ppo",
        author="benchmark",
        author_email="benchmark@example.org",
        code_permalink="https://example.org",
        description="CartPole, played by a PPO agent",
    )


def main(source: str) -> None:
    write(source)
    began = time.perf_counter()
    dataset = minari.load_dataset("cartpole/expert-v0")
    episodes = list(dataset.iterate_episodes())
    columns = [
        np.concatenate([episode.observations[:-1] for episode in episodes]),
        np.concatenate([episode.actions for episode in episodes]),
        np.concatenate([episode.rewards for episode in episodes]),
        np.concatenate([episode.observations[1:] for episode in episodes]),
        np.concatenate([episode.terminations for episode in episodes]),
    ]
    tensors = TensorDataset(*map(torch.from_numpy, columns))
    opened = time.perf_counter() - began
    taken = epoch(DataLoader(tensors, batch_size=BATCH, shuffle=True), len(tensors))
    answer("minari", "torch", opened=opened, **taken, access=access_rate(dataset))


if __name__ == "__main__":
    main(sys.argv[1])
