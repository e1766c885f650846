"""Fine-tuning in Stable-Baselines3: PPO that begins as a clone of one episode of Acrobot, or from nothing.

Torques at random never swing so high, and without one success there is nothing to reinforce. The clone finds
the way at once, and PPO makes it better. But its critic knows nothing: that one is taught first, or the actor
would unlearn what was cloned.
"""

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from torch.utils.data import DataLoader

from builder import build

STEPS, CRITIC = 16_384, 4096
torch.set_num_threads(1)
demonstrations = build("acrobot", episodes=1, out="data/one_swing")


def fresh() -> PPO:
    """PPO that has learned nothing."""
    environments = make_vec_env("Acrobot-v1", n_envs=8, seed=0)
    return PPO("MlpPolicy", environments, n_steps=256, seed=0, device="cpu")


def cloned(ppo: PPO, epochs: int) -> PPO:
    """Its actor, taught by maximum likelihood."""
    optimizer = torch.optim.Adam(ppo.policy.parameters(), lr=1e-3)
    loader = DataLoader(demonstrations.to_torch(["observation", "action"]), batch_size=64, shuffle=True)
    for _ in range(epochs):
        for batch in loader:
            _, log_probability, _ = ppo.policy.evaluate_actions(batch["observation"], batch["action"])
            optimizer.zero_grad(), (-log_probability.mean()).backward(), optimizer.step()
    return ppo


def judged(ppo: PPO) -> float:
    return evaluate_policy(ppo, make_vec_env("Acrobot-v1", n_envs=8, seed=9999), 40)[0]


print(f"mean return of PPO from nothing after {STEPS} steps: {judged(fresh().learn(STEPS)):.1f}")
clone = cloned(fresh(), epochs=10)
print(f"mean return of the clone: {judged(clone):.1f}")
for part in (actor := [clone.policy.mlp_extractor.policy_net, clone.policy.action_net]):
    part.requires_grad_(False)
clone.learn(CRITIC)
for part in actor:
    part.requires_grad_(True)
print(f"mean return of the clone after {STEPS} steps: {judged(clone.learn(STEPS - CRITIC)):.1f}")
