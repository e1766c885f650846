"""imitation on exports: behavioural cloning of CartPole, and GAIL on Pendulum, whose horizon is fixed.

.peers/imitation/bin/python benchmarks/peer_scripts/train_imitation.py CARTPOLE PENDULUM [STEPS]
"""

from __future__ import annotations

import sys

import numpy as np
from imitation.algorithms import bc
from imitation.algorithms.adversarial.gail import GAIL
from imitation.data import serialize
from imitation.rewards.reward_nets import BasicRewardNet
from imitation.util.networks import RunningNorm
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

rng = np.random.default_rng(0)
env = make_vec_env("CartPole-v1", seed=1)
trainer = bc.BC(
    observation_space=env.observation_space,
    action_space=env.action_space,
    demonstrations=serialize.load(sys.argv[1]),
    rng=rng,
)
trainer.train(n_epochs=1, progress_bar=False)
print(f"BC, CartPole: {evaluate_policy(trainer.policy, env, 50)[0]:.0f}", flush=True)

venv = make_vec_env("Pendulum-v1", n_envs=8, seed=0)
learner = PPO(
    "MlpPolicy",
    venv,
    n_steps=256,
    batch_size=128,
    gamma=0.95,
    gae_lambda=0.95,
    learning_rate=5e-4,
    ent_coef=0.0,
    n_epochs=10,
    seed=0,
)
gail = GAIL(
    demonstrations=serialize.load_with_rewards(sys.argv[2]),
    demo_batch_size=1024,
    gen_replay_buffer_capacity=2048,
    n_disc_updates_per_round=4,
    venv=venv,
    gen_algo=learner,
    reward_net=BasicRewardNet(venv.observation_space, venv.action_space, normalize_input_layer=RunningNorm),
)
print(f"GAIL, Pendulum, before: {evaluate_policy(learner, venv, 50)[0]:.0f}", flush=True)
gail.train(int(sys.argv[3]) if len(sys.argv) > 3 else 400_000)
print(f"GAIL, Pendulum, after: {evaluate_policy(learner, venv, 50)[0]:.0f}", flush=True)
