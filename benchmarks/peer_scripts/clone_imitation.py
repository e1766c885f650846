"""imitation's behavioural cloning on an export; its policy's layers as numbers.

.peers/imitation/bin/python -m benchmarks.peer_scripts.clone_imitation EXPORT WEIGHTS STEPS SEED BOUND
"""

from __future__ import annotations

import sys

import gymnasium as gym
import numpy as np
import torch
from imitation.algorithms import bc
from imitation.data import serialize

from benchmarks.peer_scripts.answers import answer, keep_network

export, weights, steps, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.manual_seed(seed)
torch.set_num_threads(1)
shown = serialize.load(export)
actions = np.concatenate([trajectory.acts for trajectory in shown])
space: gym.Space[np.ndarray] | gym.spaces.Discrete
if actions.ndim == 1:
    space = gym.spaces.Discrete(int(actions.max()) + 1)
else:
    space = gym.spaces.Box(-np.inf, np.inf, actions.shape[1:], np.float32)
trainer = bc.BC(
    observation_space=gym.spaces.Box(-np.inf, np.inf, shown[0].obs.shape[1:], np.float32),
    action_space=space,
    demonstrations=shown,
    rng=np.random.default_rng(seed),
)
trainer.train(n_batches=steps, progress_bar=False)
layers = [layer for layer in trainer.policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
seen = shown[0].obs[:-1][:256]
did = trainer.policy.predict(seen, deterministic=True)[0]
keep_network(weights, [*layers, trainer.policy.action_net], seen, did, activation="Tanh")
answer("imitation", "torch")
