"""Checkpoints of Sample Factory, made and saved by its own learner; runs in an environment of Sample Factory.

`python factory_models.py KIND ROWS FOLDER ARRAYS` writes an experiment, and the actions of its own inference
on so many observations of seed 0, one after the other.
"""

import json
import sys
from pathlib import Path

import numpy as np

KINDS = {
    "vector": [
        "--encoder_mlp_layers",
        "8",
        "8",
        "--decoder_mlp_layers",
        "6",
        "--use_rnn=False",
        "--nonlinearity=elu",
    ],
    "atari": ["--use_rnn=False"],
    "gru": ["--use_rnn=True", "--rnn_type=gru", "--rnn_size=64"],
    "lstm": ["--use_rnn=True", "--rnn_type=lstm", "--rnn_size=64", "--rnn_num_layers=1"],
    "resnet": [
        *("--encoder_conv_architecture=resnet_impala", "--nonlinearity=elu", "--use_rnn=False"),
        *("--encoder_conv_mlp_layers", "256"),
    ],
}
"""What differs from Sample Factory's settings for Atari."""
ACTIONS = 4


def observed(kind, rows):
    """Observations of seed 0: stacks of screens, or vectors."""
    rng = np.random.default_rng(0)
    if kind == "vector":
        return rng.standard_normal((rows, 4), np.float32)
    coarse = rng.integers(0, 256, (rows, 4, 7, 7), np.uint8)  # whose features differ more than those of noise
    return coarse.repeat(12, axis=2).repeat(12, axis=3)


def configured(kind, folder):
    """Sample Factory's own settings of an experiment, and what it knows of the environment."""
    import gymnasium as gym
    from sample_factory.algo.utils.env_info import EnvInfo
    from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
    from sf_examples.atari.atari_params import atari_override_defaults

    words = [
        "--env=atari_breakout",
        f"--experiment={folder.name}",
        f"--train_dir={folder.parent}",
        "--device=cpu",
    ]
    words += [
        "--seed=1",
        *KINDS[kind],
        *(["--env=CartPole-v1", "--obs_scale=1.0"] if kind == "vector" else []),
    ]
    parser, _ = parse_sf_args(words)
    atari_override_defaults("atari_breakout", parser)
    settings = parse_full_cfg(parser, words)
    box = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
    if kind != "vector":
        box = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    spaces = (gym.spaces.Dict(obs=box), gym.spaces.Discrete(ACTIONS))
    return settings, EnvInfo(*spaces, 1, False, None, None, None, 1)


def write(kind, rows, folder, arrays):
    """See the module."""
    import torch
    from sample_factory.algo.learning.learner import Learner
    from sample_factory.algo.utils.action_distributions import argmax_actions
    from sample_factory.algo.utils.model_sharing import ParameterServer
    from sample_factory.algo.utils.rl_utils import prepare_and_normalize_obs
    from sample_factory.model.model_utils import get_rnn_size
    from sample_factory.utils.utils import cfg_file

    torch.set_num_threads(1)
    settings, info = configured(kind, Path(folder).absolute())
    versions = torch.zeros(1, dtype=torch.int32)
    learner = Learner(settings, info, versions, 0, ParameterServer(0, versions, True))
    Path(folder).mkdir(parents=True, exist_ok=True)
    learner.init()
    model = learner.actor_critic
    seen = torch.from_numpy(observed(kind, int(rows)))
    with torch.no_grad():
        model.train()
        prepare_and_normalize_obs(model, {"obs": seen[:200]})  # statistics of some observations
        model.eval()
        for parameter in model.parameters():
            parameter.add_((0.1 if kind == "lstm" else 0.02) * torch.randn(parameter.shape))
        memory, actions = torch.zeros(1, get_rnn_size(settings)), []
        for one in seen:
            answer = model(prepare_and_normalize_obs(model, {"obs": one[None]}), memory)
            memory = answer["new_rnn_states"]
            actions.append(int(argmax_actions(model.action_distribution())))
    learner.save()
    Path(cfg_file(settings)).write_text(json.dumps(vars(settings), indent=2))
    np.save(arrays, np.array(actions, np.int8))


if __name__ == "__main__":
    write(*sys.argv[1:])
