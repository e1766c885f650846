"""Folders for `expert=weights`, and what their experts do."""

import json

import gymnasium as gym
import numpy as np
from configured import loaded
from safetensors.numpy import save_file

from builder.episodes.context import Context
from builder.episodes.spaces import describe, leaves
from builder.experts.sources.registered import DEFAULT_ROLLOUT

CARTPOLE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32), gym.spaces.Discrete(2)


def write_folder(folder, content, arrays):
    """The two files as somebody writes them who has only read the documentation."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "expert.json").write_text(json.dumps(content))
    save_file(arrays, folder / "weights.safetensors")
    return folder


def described(observation_space, action_space, layers, **more):
    spaces = {"observation_space": describe(observation_space), "action_space": describe(action_space)}
    return {"format": 1, **spaces, "layers": layers, **more}


def two_layers(folder, **more):
    """A policy of CartPole: goes where the pole leans, by way of two hidden numbers."""
    arrays = {
        "a": np.array([[0, 0, 1, 1], [0, 0, -1, -1]], np.float32),
        "b": np.array([[0, 1], [1, 0]], np.float32),
        "c": np.zeros(2, np.float32),
    }
    layers = [
        {"kind": "linear", "weight": "a", "activation": "relu"},
        {"kind": "linear", "weight": "b", "bias": "c"},
    ]
    return write_folder(folder, described(*CARTPOLE, layers, **more), arrays)


def acting(folder, spaces, rollout=DEFAULT_ROLLOUT, env_id="CartPole-v1"):
    """An actor for one lane, from such a folder."""
    expert = loaded("weights", path=str(folder))
    actor = expert.player(rollout, env_id=env_id, max_episode_steps=500).actor(*spaces)
    actor.begin(0, Context(0))
    return actor


def actions_of(folder, spaces, observations, rollout=DEFAULT_ROLLOUT):
    """What the expert in a folder does, one observation at a time: [rows, ...]."""
    actor = acting(folder, spaces, rollout)
    rows = len(observations[0])
    return np.stack(
        [actor.act([leaf[row : row + 1] for leaf in observations], [0])[0][0].copy() for row in range(rows)]
    )


def drawn(space, rows, seed=0):
    """Observations of a space, per leaf [rows, ...]; numbers of several sizes."""
    rng = np.random.default_rng(seed)
    found = []
    for leaf in leaves(space):
        shape = (rows, *leaf.shape)
        if leaf.dtype.kind == "f":
            found.append((rng.normal(size=shape) * 10 ** rng.uniform(-1, 1, (rows, 1))).astype(leaf.dtype))
        else:
            leaf.space.seed(seed)
            found.append(np.stack([leaf.space.sample() for _ in range(rows)]).reshape(shape))
    return found
