"""Models of CleanRL, made by its own networks and saved as its scripts save them."""

import importlib
import io
from types import SimpleNamespace

import gymnasium as gym
import numpy as np

VECTOR = gym.spaces.Box(-np.inf, np.inf, (5,), np.float32)
SCREENS = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
UNEVEN = gym.spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([1.0, 3.0], np.float32))
THREE = gym.spaces.Discrete(3)
SPACES = {
    "dqn": (VECTOR, THREE),
    "dqn_atari": (SCREENS, THREE),
    "c51": (VECTOR, THREE),
    "c51_atari": (SCREENS, THREE),
    "ddpg_continuous_action": (VECTOR, UNEVEN),
    "td3_continuous_action": (VECTOR, UNEVEN),
    "sac_continuous_action": (VECTOR, UNEVEN),
    "ppo": (VECTOR, THREE),
    "ppo_atari": (SCREENS, THREE),
    "ppo_continuous_action": (VECTOR, UNEVEN),
}
SEVERAL = {"ddpg_continuous_action": 1, "td3_continuous_action": 2}
"""Critics that are saved behind the actor."""


def make(script, spaces=None):
    """What acts in a script, untrained, and its critic's class where it has one."""
    import torch

    torch.set_num_threads(1)
    observation_space, action_space = spaces or SPACES[script]
    batched = gym.vector.utils.batch_space(action_space, 1)  # as the scripts' vector environment has it
    envs = SimpleNamespace(
        single_observation_space=observation_space, single_action_space=action_space, action_space=batched
    )
    module = importlib.import_module(f"cleanrl_scripts.{script}")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        acting = next(
            getattr(module, name) for name in ("Actor", "Agent", "QNetwork") if hasattr(module, name)
        )
        critics = [module.QNetwork(envs) for _ in range(SEVERAL.get(script, 0))]
        return acting(envs), critics


def saved(script, spaces=None, env_id="CartPole-v1"):
    """What acts, and the file that its script saves."""
    import torch

    acting, critics = make(script, spaces)
    content = acting.state_dict()
    if critics:
        content = (content, *(critic.state_dict() for critic in critics))
    elif script.startswith("c51"):
        args = {
            "env_id": env_id,
            "n_atoms": 101,
            "v_min": -100.0,
            "track": False,
            "seed": 1,
            "wandb_entity": None,
        }
        content = {"model_weights": content, "args": args}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return acting, buffer.getvalue()


def inferred(script, acting, observations):
    """The actions of the script's own inference without its noise, [rows, ...]."""
    import torch

    x = torch.Tensor(observations)
    with torch.no_grad():
        if script.startswith("c51"):
            return acting.get_action(x)[0].numpy()
        if script.startswith("sac"):
            return acting.get_action(x)[2].numpy()
        if script == "ppo":
            return acting.actor(x).argmax(1).numpy()
        if script == "ppo_atari":
            return acting.actor(acting.network(x / 255.0)).argmax(1).numpy()
        answers = acting(x).numpy()
    return answers.argmax(1) if script.startswith("dqn") else answers
