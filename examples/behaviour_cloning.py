"""Behaviour cloning in plain torch: 50 expert episodes of CartPole, then 20 of the clone."""

import gymnasium as gym
import numpy as np
import torch

from builder import build

torch.manual_seed(0)
torch.set_num_threads(1)
arrays = build(expert="cartpole", episodes=50, out="data/fifty").arrays()
observations, actions = torch.tensor(arrays["observation"]), torch.tensor(arrays["action"])
clone = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2))
optimizer = torch.optim.Adam(clone.parameters(), lr=3e-3)
for batch in torch.randint(len(actions), (2000, 256)):
    loss = torch.nn.functional.cross_entropy(clone(observations[batch]), actions[batch])
    optimizer.zero_grad(), loss.backward(), optimizer.step()

environment, returns = gym.make("CartPole-v1"), []
for seed in range(20):
    (observation, _), total, over = environment.reset(seed=seed), 0.0, False
    while not over:
        action = int(clone(torch.tensor(observation)).argmax())
        observation, reward, terminated, truncated, _ = environment.step(action)
        total, over = total + float(reward), terminated or truncated
    returns.append(total)
print(f"mean return of the clone: {np.mean(returns):.1f}")
