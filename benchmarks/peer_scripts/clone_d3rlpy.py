"""d3rlpy's behavioural cloning on an export; its policy's layers as numbers.

.peers/d3rlpy/bin/python -m benchmarks.peer_scripts.clone_d3rlpy EXPORT WEIGHTS STEPS SEED BOUND
"""

from __future__ import annotations

import sys
from pathlib import Path

import d3rlpy
import numpy as np
import torch

from benchmarks.peer_scripts.answers import answer, keep_network

export, weights, steps, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
d3rlpy.seed(seed)
torch.set_num_threads(1)
with Path(export).open("rb") as file:
    replay = d3rlpy.dataset.ReplayBuffer.load(file, d3rlpy.dataset.InfiniteBuffer())
about: dict[str, object] = {"activation": "ReLU"}
if replay.dataset_info.action_space == d3rlpy.ActionSpace.DISCRETE:
    config = d3rlpy.algos.DiscreteBCConfig()
else:
    about["squash"] = 1
    bound = np.full(replay.dataset_info.action_size, float(sys.argv[5]))
    scaler = d3rlpy.preprocessing.MinMaxActionScaler(minimum=-bound, maximum=bound)
    config = d3rlpy.algos.BCConfig(action_scaler=scaler)
algo = config.create(device="cpu:0")
algo.fit(
    replay,
    n_steps=steps,
    n_steps_per_epoch=steps,
    show_progress=False,
    logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
)
layers = [layer for layer in algo.impl.modules.imitator.modules() if isinstance(layer, torch.nn.Linear)]
seen = replay.episodes[0].observations[:256]
keep_network(weights, layers, seen, algo.predict(seen), **about)
answer("d3rlpy", "torch")
