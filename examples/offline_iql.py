"""IQL of d3rlpy: offline reinforcement learning from a pendulum's data of three levels of quality.

Takes d3rlpy 2.8.1 beside this package. A level is the expert under more or less noise; actions and rewards
are what was done and what came of it. IQL (Kostrikov et al. 2021) learns which of the actions were good ones:
it does better than its data, and worse from worse data.
"""

import logging

import d3rlpy
import gymnasium as gym
import numpy as np
import structlog
import torch

from builder import build

STEPS, PLAYED, LEVELS = 1500, 20, {"expert": 0.0, "medium": 0.3, "poor": 0.7}
torch.set_num_threads(1)
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def taught(replay: d3rlpy.dataset.ReplayBuffer) -> d3rlpy.algos.IQL:
    """IQL of small networks, on the scales of the pendulum."""
    d3rlpy.seed(0)
    encoder, bound = d3rlpy.models.VectorEncoderFactory([64, 64]), np.array([2.0])
    settings = {"gamma": 0.95, "expectile": 0.8, "weight_temp": 3.0, "batch_size": 256}
    iql = d3rlpy.algos.IQLConfig(
        **{f"{part}_encoder_factory": encoder for part in ("actor", "critic", "value")},
        **{f"{part}_learning_rate": 1e-3 for part in ("actor", "critic")},
        **settings,
        observation_scaler=d3rlpy.preprocessing.StandardObservationScaler(),
        action_scaler=d3rlpy.preprocessing.MinMaxActionScaler(minimum=-bound, maximum=bound),
        reward_scaler=d3rlpy.preprocessing.MultiplyRewardScaler(0.1),
    ).create(device="cpu:0")
    silent = d3rlpy.logging.NoopAdapterFactory()
    iql.fit(replay, n_steps=STEPS, n_steps_per_epoch=STEPS, show_progress=False, logger_adapter=silent)
    return iql


def judged(iql: d3rlpy.algos.IQL) -> float:
    environments, total = gym.make_vec("Pendulum-v1", PLAYED), np.zeros(PLAYED)
    observation, _ = environments.reset(seed=9999)
    for _ in range(200):
        observation, reward, *_ = environments.step(iql.predict(observation))
        total += reward
    return total.mean()


for level, epsilon in LEVELS.items():
    noise = {"rollout.noise": "epsilon", "rollout.noise.epsilon": epsilon} if epsilon else {}
    dataset = build("pendulum", episodes=50, out=f"data/{level}", threshold=-2000, **noise)
    print(f"mean return of the {level} data: {np.mean(dataset.episode_table['episode_return']):.1f}")
    print(f"mean return of IQL on the {level} data: {judged(taught(dataset.to_d3rlpy())):.1f}", flush=True)
