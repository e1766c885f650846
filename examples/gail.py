"""GAIL of `imitation`: CartPole from ten episodes of its expert, with an adversary in place of rewards.

Takes imitation 1.0.1 beside this package. Where an episode ends as the pole falls, its length alone gives
away what is wanted. So a learner that has failed stays where it is until as many steps are over as an episode
of the expert has (`AbsorbAfterDoneWrapper`): whatever it learns, the adversary has taught.
"""

import gymnasium as gym
import numpy as np
import torch
from imitation.algorithms.adversarial.gail import GAIL
from imitation.rewards.reward_nets import BasicRewardNet
from imitation.util.logger import configure
from imitation.util.networks import RunningNorm
from seals.util import AbsorbAfterDoneWrapper
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from builder import build

HORIZON, STEPS = 100, 30_000
torch.set_num_threads(1)
limits = {"env": {"max_episode_steps": HORIZON}, "threshold": HORIZON, "expert.check": "off"}
demonstrations = build("cartpole", episodes=10, out="data/cut_off", **limits)


def endless() -> gym.Env:
    """CartPole whose every episode has as many steps."""
    return gym.wrappers.TimeLimit(AbsorbAfterDoneWrapper(gym.make("CartPole-v1").unwrapped), HORIZON)


def judged(*, deterministic: bool) -> float:
    judges = make_vec_env(endless, n_envs=8, seed=9999)
    return evaluate_policy(learner, judges, 40, deterministic=deterministic)[0]


environments = make_vec_env(endless, n_envs=8, seed=0)
spaces = environments.observation_space, environments.action_space
settings = {"n_steps": 128, "batch_size": 128, "n_epochs": 5, "gamma": 0.95, "learning_rate": 1e-3}
learner = PPO("MlpPolicy", environments, seed=0, device="cpu", **settings)
trainer = GAIL(
    demonstrations=demonstrations.to_imitation(),
    demo_batch_size=256,
    n_disc_updates_per_round=32,
    gen_replay_buffer_capacity=4096,
    venv=environments,
    gen_algo=learner,
    reward_net=BasicRewardNet(*spaces, normalize_input_layer=RunningNorm),
    custom_logger=configure("data/log", format_strs=["csv"]),
)
print(f"mean return of an expert's episode: {np.mean(demonstrations.episode_table['episode_return']):.1f}")
print(f"mean return of who moves at random: {judged(deterministic=False):.1f}")
trainer.train(STEPS)
print(f"mean return of the learner: {judged(deterministic=True):.1f}")
