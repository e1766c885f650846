"""Archives that SB3 writes are read, and act as SB3 acts."""

import io
import time
import zipfile

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import PUBLISHED, ROWS, SMALL, UNEVEN, acted, box, check_same_actions, compare, draw
from sweeps import sweep

from builder.experts.archive.agent import read_agent


@sweep(
    ("algorithm", "action_space"),
    [
        ("PPO", gym.spaces.Discrete(5)),
        ("PPO", gym.spaces.MultiDiscrete([3, 2, 4])),
        ("PPO", gym.spaces.MultiBinary(4)),
        ("PPO", UNEVEN),
        ("A2C", gym.spaces.Discrete(5)),
        ("A2C", UNEVEN),
        ("TRPO", gym.spaces.Discrete(5)),
        ("TRPO", gym.spaces.MultiBinary(4)),
        ("DQN", gym.spaces.Discrete(5)),
        ("QRDQN", gym.spaces.Discrete(5)),
        ("SAC", UNEVEN),
        ("TQC", UNEVEN),
        ("TD3", UNEVEN),
        ("DDPG", UNEVEN),
        ("ARS", gym.spaces.Discrete(5)),
        ("ARS", UNEVEN),
        ("MaskablePPO", gym.spaces.MultiDiscrete([3, 2])),
        ("MaskablePPO", gym.spaces.MultiBinary(3)),
    ],
    quick=5,
)
def test_every_algorithm_acts_as_in_sb3(save, algorithm, action_space):
    space = box(6, low=-3, high=3)
    agent = check_same_actions(
        save(algorithm, "MlpPolicy", space, action_space, **SMALL), space, action_space
    )
    assert agent.algorithm == algorithm
    assert agent.sb3_version


@pytest.mark.parametrize("action_space", [gym.spaces.Discrete(3), UNEVEN], ids=["discrete", "box"])
def test_linear_ars_acts_as_in_sb3(save, action_space):
    check_same_actions(save("ARS", "LinearPolicy", box(5), action_space), box(5), action_space)


def test_float32_precision_is_sb3s_own_within_its_rounding(save):
    saved = save("PPO", "MlpPolicy", box(4), UNEVEN)
    batch = draw(box(4), ROWS)
    expected, _ = saved.model.predict(batch[0], deterministic=True)
    ours = acted(read_agent(saved.path), box(4), UNEVEN, batch, precision="float32")
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


@pytest.mark.skipif(not PUBLISHED, reason="the published agents are not beside the repository")
@sweep("path", PUBLISHED, ids=lambda path: path.stem, quick=4)
def test_published_agent_acts_as_sb3s_policy_with_the_same_weights(path):
    agent = read_agent(path)
    policy = sb3_policy(agent, path)
    batch = draw(agent.observation_space, ROWS)
    batch = [np.clip(leaf, -10, 10).astype(np.float32) for leaf in batch]
    compare(agent, policy, batch, agent.observation_space, agent.action_space)


@pytest.mark.skipif(not PUBLISHED, reason="the published agents are not beside the repository")
def test_published_agents_are_read_in_less_than_a_second_each():
    read_agent(PUBLISHED[0])  # imports torch
    for path in PUBLISHED:
        began = time.process_time()
        read_agent(path)
        assert time.process_time() - began < 1


def sb3_policy(agent, path):
    """SB3's own policy object, its acting weights loaded from the archive."""
    import torch
    from sb3_contrib.ars.policies import ARSLinearPolicy
    from sb3_contrib.qrdqn.policies import QRDQNPolicy
    from sb3_contrib.tqc import policies as tqc
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.dqn.policies import DQNPolicy
    from stable_baselines3.sac.policies import SACPolicy
    from stable_baselines3.td3.policies import TD3Policy

    spaces = (agent.observation_space, agent.action_space)
    sizes = [len(layer.weight) for layer in agent.network.hidden]
    sde = getattr(agent.network.head, "sampling", "") == "gsde"
    build = {
        "ActorCriticPolicy": lambda: ActorCriticPolicy(*spaces, lambda _: 0.0, net_arch=sizes, use_sde=sde),
        "DQNPolicy": lambda: DQNPolicy(*spaces, lambda _: 0.0, net_arch=sizes),
        "QRDQNPolicy": lambda: QRDQNPolicy(*spaces, lambda _: 0.0, net_arch=sizes, n_quantiles=10),
        "SACPolicy": lambda: SACPolicy(*spaces, lambda _: 0.0, net_arch=sizes, use_sde=sde),
        "TQCPolicy": lambda: tqc.TQCPolicy(*spaces, lambda _: 0.0, net_arch=sizes, use_sde=sde),
        "MultiInputPolicy": lambda: tqc.MultiInputPolicy(*spaces, lambda _: 0.0, net_arch=sizes, n_critics=1),
        "TD3Policy": lambda: TD3Policy(*spaces, lambda _: 0.0, net_arch=sizes, n_critics=1),
        "ARSLinearPolicy": lambda: ARSLinearPolicy(*spaces),
    }
    policy = build[agent.policy_class.rpartition(".")[2]]()
    with zipfile.ZipFile(path) as source:
        state = torch.load(io.BytesIO(source.read("policy.pth")), "cpu", weights_only=True)
    if "action_net.weight" in state and "action_net.0.weight" in policy.state_dict():
        state = {"action_net.0.weight": state["action_net.weight"]}
    missing = policy.load_state_dict(state, strict=False).missing_keys
    assert not [name for name in missing if not name.startswith(("critic", "actor_target"))]
    return policy
