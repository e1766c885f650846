"""Learning from observation: BCO in plain torch, from the states of CartPole's expert without its actions.

Who moves at random finds out which action leads from one state to another. A network that has learned this
gives the expert's states the labels that they lack, and a clone learns those (Torabi et al. 2018).
"""

from collections.abc import Callable

import gymnasium as gym
import numpy as np
import torch
from torch import nn

from builder import build

torch.set_num_threads(1)
moved = build("random", env={"id": "CartPole-v1"}, episodes=100, out="data/moved")
seen = build("cartpole", episodes=10, out="data/seen")


def pairs(dataset: object) -> torch.Tensor:
    """A state and how it changes, [steps, 8]."""
    state, following = (torch.tensor(dataset[name]) for name in ("observation", "next_observation"))
    return torch.cat([state, following - state], 1)


def taught(inputs: torch.Tensor, actions: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """What gives such inputs such actions."""
    torch.manual_seed(0)
    mean, scale = inputs.mean(0), inputs.std(0)
    network = nn.Sequential(nn.Linear(len(mean), 64), nn.Tanh(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for rows in torch.randint(len(actions), (2000, 256)):
        loss = nn.functional.cross_entropy(network((inputs[rows] - mean) / scale), actions[rows])
        optimizer.zero_grad(), loss.backward(), optimizer.step()
    return lambda inputs: network((inputs - mean) / scale).argmax(-1)


inverse = taught(pairs(moved), torch.tensor(moved["action"]))
shown = pairs(seen)
guessed = inverse(shown)
clone = taught(shown[:, :4], guessed)
right = (guessed.numpy() == seen["action"]).mean()  # the only look at what the expert has done
print(f"the expert's actions that were guessed, in percent: {100 * right:.1f}")

environment, returns = gym.make("CartPole-v1"), []
for seed in range(20):
    (observation, _), total, over = environment.reset(seed=seed), 0.0, False
    while not over:
        action = int(clone(torch.tensor(observation)))
        observation, reward, terminated, truncated, _ = environment.step(action)
        total, over = total + float(reward), terminated or truncated
    returns.append(total)
print(f"mean return of who moves at random: {np.mean(moved.episode_table['episode_return']):.1f}")
print(f"mean return of the clone: {np.mean(returns):.1f}")
