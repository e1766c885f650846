"""d3rlpy on a Pendulum export: behavioural cloning, with and without its action scaler, and IQL.

.peers/d3rlpy/bin/python benchmarks/peer_scripts/train_d3rlpy.py data/pendulum-d3rlpy.h5
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import d3rlpy
import gymnasium as gym
import numpy as np

with Path(sys.argv[1]).open("rb") as file:
    replay = d3rlpy.dataset.ReplayBuffer.load(file, d3rlpy.dataset.InfiniteBuffer())
scaler = d3rlpy.preprocessing.MinMaxActionScaler(minimum=np.array([-2.0]), maximum=np.array([2.0]))


def evaluated(algo: Any, episodes: int = 50) -> float:
    """The mean return of a policy's best actions."""
    env, returns = gym.make("Pendulum-v1"), []
    for seed in range(10_000, 10_000 + episodes):
        observation, total, over = env.reset(seed=seed)[0], 0.0, False
        while not over:
            action = algo.predict(observation[np.newaxis])[0]
            observation, reward, terminated, truncated, _ = env.step(action)
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return float(np.mean(returns))


for name, config, steps in (
    ("BC without a scaler", d3rlpy.algos.BCConfig(), 10_000),
    ("BC", d3rlpy.algos.BCConfig(action_scaler=scaler), 10_000),
    ("IQL", d3rlpy.algos.IQLConfig(action_scaler=scaler), 10_000),
):
    d3rlpy.seed(0)
    algo = config.create(device="cpu:0")
    algo.fit(
        replay,
        n_steps=steps,
        n_steps_per_epoch=steps,
        show_progress=False,
        logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
    )
    print(f"{name}: {evaluated(algo):.0f}", flush=True)
