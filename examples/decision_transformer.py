"""A decision transformer in plain torch: CartPole balanced for as long as one asks for.

The expert plays under so much noise that the pole falls sooner or later. A transformer learns what was done
from what was seen and which return was still to come (Chen et al. 2021), in windows as `batches` gives them.
"""

import gymnasium as gym
import numpy as np
import torch
from torch import nn

from builder import build

WINDOW, WIDTH, PLAYED, NOISE = 8, 32, 40, {"rollout.noise": "epsilon", "rollout.noise.epsilon": 0.5}
torch.manual_seed(0)
torch.set_num_threads(1)
dataset = build("cartpole", episodes=400, out="data/fallen", **NOISE)


class Transformer(nn.Module):
    """From windows of returns to go, observations and actions to the logits of the action of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.action = nn.Linear(1 + 4 + 2, WIDTH), nn.Linear(WIDTH, 2)
        self.place = nn.Parameter(0.02 * torch.randn(WINDOW, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 2 * WIDTH, 0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, to_go: torch.Tensor, seen: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        before = nn.functional.pad(nn.functional.one_hot(actions, 2)[:, :-1], (0, 0, 1, 0))
        steps = self.step(torch.cat([to_go[..., None].float() / 100, seen, before], -1)) + self.place
        causal = nn.Transformer.generate_square_subsequent_mask(WINDOW)
        return self.action(self.layers(steps, causal, is_causal=True))


model = Transformer()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(3):
    for batch in dataset.batches(256, seed=epoch, window=WINDOW, pad="left"):
        known = batch["mask"]
        logits = model(batch["return_to_go"], batch["observation"], batch["action"])
        loss = nn.functional.cross_entropy(logits[known], batch["action"][known])
        optimizer.zero_grad(), loss.backward(), optimizer.step()


@torch.no_grad()
def played(asked: float) -> float:
    """The mean return of the model that is asked for one."""
    environments = gym.make_vec("CartPole-v1", PLAYED)
    to_go, seen = torch.zeros(PLAYED, WINDOW), torch.zeros(PLAYED, WINDOW, 4)
    actions, lasts = torch.zeros(PLAYED, WINDOW, dtype=torch.long), np.zeros(PLAYED)
    observation, over = environments.reset(seed=0)[0], np.zeros(PLAYED, bool)
    for step in range(500):
        to_go, seen, actions = (values.roll(-1, 1) for values in (to_go, seen, actions))
        to_go[:, -1], seen[:, -1] = max(asked - step, 1), torch.tensor(observation)
        actions[:, -1] = torch.distributions.Categorical(logits=model(to_go, seen, actions)[:, -1]).sample()
        observation, _, terminated, truncated, _ = environments.step(actions[:, -1].numpy())
        lasts, over = lasts + ~over, over | terminated | truncated
    return lasts.mean()


print(f"mean return of the dataset: {np.mean(dataset.episode_table['episode_return']):.1f}")
for asked in (25, 100, 400):
    print(f"mean return where {asked} is asked for: {played(asked):.1f}", flush=True)
