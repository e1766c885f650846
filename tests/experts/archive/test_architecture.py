"""What a policy is made of is known, or refused by name."""

import io
import json
import zipfile

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import UNEVEN, box, change_weights, check_same_actions, replace_member

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.agent import read_agent
from builder.experts.network_player import NetworkPlayer


def test_custom_features_extractor_is_named_and_refused(save):
    import torch
    from stable_baselines3.common.torch_layers import FlattenExtractor

    class Mine(FlattenExtractor):
        def forward(self, observations):
            return torch.sin(super().forward(observations))

    saved = save(
        "PPO", "MlpPolicy", box(3), gym.spaces.Discrete(2), policy_kwargs={"features_extractor_class": Mine}
    )
    with pytest.raises(UnsupportedExpertError, match="features extractor"):
        read_agent(saved.path)


def test_unknown_argument_of_a_policy_is_named_and_refused(archive):
    def change(content):
        fields = json.loads(content)
        fields["policy_kwargs"]["layer_norm"] = True
        return json.dumps(fields)

    replace_member(archive, "data", change)
    with pytest.raises(UnsupportedExpertError, match="policy_kwargs layer_norm"):
        read_agent(archive)


def test_lambda_activation_is_refused(save):
    import torch

    saved = save(
        "PPO",
        "MlpPolicy",
        box(3),
        gym.spaces.Discrete(2),
        policy_kwargs={"activation_fn": lambda: torch.nn.LeakyReLU(0.2)},
    )
    with pytest.raises(UnsupportedExpertError, match="activation function"):
        read_agent(saved.path)


def test_infinite_bounds_of_squashed_actions_are_refused(save):
    saved = save("SAC", "MlpPolicy", box(3), UNEVEN)
    saved.model.action_space = box(2, high=np.inf)
    saved.model.save(saved.path)
    with pytest.raises(UnsupportedExpertError, match="infinite bounds"):
        read_agent(saved.path)


def test_whole_numbers_as_continuous_actions_are_refused(save):
    space = gym.spaces.Box(-1, 1, (2,), np.int64)
    with pytest.raises(UnsupportedExpertError, match="continuous actions in Box"):
        read_agent(save("PPO", "MlpPolicy", box(3), space).path)


def test_cross_q_is_named_and_refused(save):
    with pytest.raises(UnsupportedExpertError, match="CrossQPolicy"):
        read_agent(save("CrossQ", "MlpPolicy", box(3), UNEVEN).path)


def test_weights_of_another_features_extractor_are_refused(archive):
    import torch

    change_weights(
        archive, lambda state: state.update({"features_extractor.net.0.weight": torch.zeros(4, 3)})
    )
    with pytest.raises(UnsupportedExpertError, match=r"no known place in the policy; got features_extractor"):
        read_agent(archive)


def test_noise_with_features_of_its_own_only_acts_deterministically(save):
    import torch

    saved = save("PPO", "MlpPolicy", box(4), UNEVEN, use_sde=True)

    def as_in_sb3_1_5(state):
        state["sde_features_extractor.0.weight"] = torch.zeros(5, 4)
        state["log_std"] = torch.zeros(5, 2)

    change_weights(saved.path, as_in_sb3_1_5)
    check_same_actions(saved, box(4), UNEVEN)
    with pytest.raises(UnsupportedExpertError, match="samples in a way of its own"):
        NetworkPlayer(read_agent(saved.path).network, deterministic=False).actor(box(4), UNEVEN)


def test_output_layer_must_fit_the_action_space(archive):
    import torch

    def spoil(state):
        state["action_net.weight"], state["action_net.bias"] = torch.zeros(3, 4), torch.zeros(3)

    change_weights(archive, spoil)
    with pytest.raises(ArchiveError, match=r"action space Discrete\(2\); expected 2 outputs; got 3"):
        read_agent(archive)


def test_weights_of_another_family_are_refused(save):
    saved = save("DQN", "MlpPolicy", box(3), gym.spaces.Discrete(2))
    other = io.BytesIO()
    save("PPO", "MlpPolicy", box(3), gym.spaces.Discrete(2)).model.save(other)
    with zipfile.ZipFile(other) as source:
        weights = source.read("policy.pth")
    saved.model.save(saved.path)
    replace_member(saved.path, "policy.pth", lambda _: weights)
    with pytest.raises(ArchiveError, match="missing"):
        read_agent(saved.path)
