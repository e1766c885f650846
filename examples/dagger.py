"""DAgger in plain torch: six episodes of labels, where the learner goes, against six of the expert's own.

A clone of a few swings of the pendulum meets states that the expert never showed, and is lost there. DAgger
has the expert label the states of the learner itself. `python dagger.py 1` takes other seeds.
"""

import sys

import numpy as np
import torch
from torch import nn

from builder import Policy, build, merge, relabel

ROUNDS, STEPS, DATA = 6, 2000, "data/dagger"
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 0
SCALE = torch.tensor([1.0, 1.0, 8.0])
torch.set_num_threads(1)


class Clone:
    """A network that was taught labels; it keeps nothing between its answers."""

    stateless = True

    def __init__(self, observations: np.ndarray, labels: np.ndarray) -> None:
        torch.manual_seed(SEED)
        observed, torque = torch.tensor(observations) / SCALE, torch.tensor(labels) / 2
        hidden = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.network = nn.Sequential(hidden, nn.Linear(64, 1))
        optimizer = torch.optim.Adam(self.network.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
        for _ in range(STEPS):
            rows = torch.randint(len(observed), (64,))
            loss = nn.functional.mse_loss(self.network(observed[rows]), torque[rows])
            optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()

    def predict(self, obs: np.ndarray, state: object = None, deterministic: bool = True) -> tuple:
        with torch.no_grad():
            return (2 * self.network(torch.tensor(obs) / SCALE)).clamp(-2, 2).numpy(), None


def played(expert: str | Clone, name: str, episodes: int, seed: int) -> object:
    """A dataset of what somebody does."""
    player = expert if isinstance(expert, str) else Policy("Pendulum-v1", policy=expert)
    return build(player, episodes=episodes, seed=seed, out=f"{DATA}/{name}", overwrite=True)


learner, parts = "pendulum", []  # the expert plays first
for turn in range(ROUNDS):
    states = played(learner, f"played-{turn}", episodes=1, seed=100 * SEED + turn)
    parts.append(relabel(states, "pendulum", to=f"{DATA}/labelled-{turn}", overwrite=True))
    everything = merge(parts, f"{DATA}/everything", overwrite=True)
    learner = Clone(everything["observation"], everything["expert_action"])

shown = played("pendulum", "expert", episodes=ROUNDS, seed=100 * SEED)
clones = {"cloning": Clone(shown["observation"], shown["action"]), "DAgger": learner}
for name, clone in clones.items():
    judged = played(clone, f"judged-{name}", episodes=50, seed=9999)
    print(f"mean return of {name}: {np.mean(judged.episode_table['episode_return']):.1f}")
print(f"labels of each: {len(shown['action'])} and {len(everything['expert_action'])}")
