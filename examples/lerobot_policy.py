"""A policy of LeRobot on an export: ACT, small, on what the pendulum's expert does.

Takes LeRobot 0.4.4 beside this package. ACT learns the next four torques at a time, and does the first of
them before it looks again. It wants a camera or the state of the world: here the observation is that too.
Episodes of 100 steps hold the swing up, and less of what comes after it.
"""

import gymnasium as gym
import numpy as np
import torch
from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.act.processor_act import make_act_pre_post_processors

from builder import build

CHUNK, STEPS, FPS = 4, 2000, 20
STATE, WORLD, ACTION = "observation.state", "observation.environment_state", "action"
torch.manual_seed(0)
torch.set_num_threads(1)
dataset = build("pendulum", episodes=100, out="data/swings", **{"env.max_episode_steps": 100})
dataset.export("lerobot", "data/swings-lerobot", fps=FPS, overwrite=True)
times = {ACTION: [step / FPS for step in range(CHUNK)]}
exported = LeRobotDataset("il/swings", root="data/swings-lerobot", delta_timestamps=times)

size = {"dim_model": 64, "n_heads": 4, "dim_feedforward": 128, "n_encoder_layers": 2}
chunks = {"chunk_size": CHUNK, "n_action_steps": 1, "use_vae": False, "dropout": 0.0, "device": "cpu"}
config = ACTConfig(
    input_features={
        STATE: PolicyFeature(FeatureType.STATE, (3,)),
        WORLD: PolicyFeature(FeatureType.ENV, (3,)),
    },
    output_features={ACTION: PolicyFeature(FeatureType.ACTION, (1,))},
    normalization_mapping=dict.fromkeys(("STATE", "ENV", "ACTION"), NormalizationMode.MEAN_STD),
    **size,
    **chunks,
)
policy = ACTPolicy(config)
before, after = make_act_pre_post_processors(
    config, {**exported.meta.stats, WORLD: exported.meta.stats[STATE]}
)
optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
(steps,) = torch.utils.data.DataLoader(exported, batch_size=len(exported))  # all at once: they are few
steps[ACTION] = steps[ACTION][..., None]  # LeRobot takes the axis of vectors of one number away
for _ in range(STEPS):
    rows = torch.randint(len(exported), (64,))
    batch = {name: steps[name][rows] for name in (STATE, ACTION, "action_is_pad")}
    loss, _ = policy(before({**batch, WORLD: batch[STATE]}))
    optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()

policy.eval()
environments, returns = gym.make_vec("Pendulum-v1", 20), np.zeros(20)
observations, _ = environments.reset(seed=0)
for _ in range(200):
    state = torch.tensor(observations)
    actions = after(policy.select_action(before({STATE: state, WORLD: state})))
    observations, rewards, *_ = environments.step(actions.numpy())
    returns += rewards
expert = build("pendulum", episodes=50, seed=1, out="data/whole", threshold=-float("inf"))
print(f"mean return of the expert: {np.mean(expert.episode_table['episode_return']):.1f}")
print(f"mean return of ACT: {np.mean(returns):.1f}")
