"""A clone that sees: a CNN in plain torch, from pictures of a state expert's CartPole, then 20 episodes.

CartPole is drawn in whole pixels, so that a few pictures alone hardly tell how fast the pole falls. The clone
sees four and knows its own last three actions. Its eyes find centres of what they see and learn the expert's
observations from them; its head learns what the expert does on those.
"""

import gymnasium as gym
import numpy as np
import torch
from torch import nn

from builder import build
from builder.environments.pixels import resized

FRAMES, HEIGHT, WIDTH, MAPS = 4, 40, 60, 8
torch.manual_seed(0)
torch.set_num_threads(1)

# Short episodes of a policy that samples: they hold more of what goes wrong, and of how it is put right.
seen = {"dataset.pixels": {"height": HEIGHT, "width": WIDTH}, "env.max_episode_steps": 100}
chosen = {"rollout.deterministic": False, "threshold": 100, "expert.check": "off"}
dataset = build("cartpole", episodes=200, out="data/seen", **seen, **chosen)
arrays = {name: torch.tensor(values) for name, values in dataset.arrays().items()}
scale = arrays["observation"].std(0)


class Eyes(nn.Module):
    """From uint8 [batch, frames, height, width, 3] and the actions between to the expert's observation."""

    def __init__(self) -> None:
        super().__init__()
        inputs = 2 * MAPS * FRAMES
        self.maps = nn.Conv2d(3, MAPS, 3, bias=False)
        self.normal = nn.BatchNorm1d(inputs, eps=1e-9, momentum=0.02)
        self.observation = nn.Linear(inputs + FRAMES - 1, 4)

    def forward(self, pictures: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        dark = 1 - pictures[:, :, 14:34].flatten(0, 1).permute(0, 3, 1, 2).float() / 255
        maps = torch.relu(self.maps(dark))
        total = maps.sum((2, 3)) + 1e-3
        x, y = ((maps.sum(axis) * torch.arange(maps.shape[5 - axis])).sum(2) / total for axis in (2, 3))
        centres = torch.cat([x, y], 1).view(len(pictures), FRAMES, -1)
        moved = torch.cat([centres[:, 1:] - centres[:, :-1], centres[:, -1:]], 1).flatten(1)
        return self.observation(torch.cat([self.normal(moved), actions], 1))


def history(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The last pictures of steps, oldest first, and the actions between; an episode begins standing still."""
    ages, steps = torch.arange(FRAMES - 1, -1, -1), arrays["step_index"][rows, None]
    actions = torch.where(steps >= ages[:-1], 2.0 * arrays["action"][rows[:, None] - ages[:-1]] - 1, 0.0)
    return arrays["pixels"][rows[:, None] - torch.minimum(ages, steps)], actions


eyes, head = Eyes(), nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.Adam([*eyes.parameters(), *head.parameters()], lr=1e-2)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
for _ in range(1000):
    rows = torch.randint(len(arrays["action"]), (128,))
    observed = arrays["observation"][rows] / scale
    loss = nn.functional.mse_loss(eyes(*history(rows)), observed)
    loss = loss + nn.functional.cross_entropy(head(observed), arrays["action"][rows])
    optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()

eyes.eval()
environment, returns = gym.make("CartPole-v1", render_mode="rgb_array"), []
for seed in range(20):
    environment.reset(seed=seed)
    pictures, actions, over = [], [0.0] * (FRAMES - 1), False
    while not over:
        picture = torch.tensor(resized(np.ascontiguousarray(environment.render()), HEIGHT, WIDTH))
        pictures = [*(pictures or [picture] * FRAMES), picture][-FRAMES:]
        with torch.no_grad():
            observed = eyes(torch.stack(pictures)[None], torch.tensor([actions[1 - FRAMES :]]))
            action = int(head(observed).argmax())
        _, _, terminated, truncated, _ = environment.step(action)
        actions, over = [*actions, 2.0 * action - 1], terminated or truncated
    returns.append(len(actions) - FRAMES + 1)
print(f"mean return of the clone: {np.mean(returns):.1f}")
