"""Every observation space becomes what the network reads."""

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import SMALL, UNEVEN, box, check_same_actions, image
from sweeps import sweep

MIXED = gym.spaces.Dict(
    {
        "vector": box(3),
        "picture": image(),
        "choice": gym.spaces.Discrete(3),
        "bits": gym.spaces.MultiBinary(2),
    }
)
GOAL = gym.spaces.Dict({"observation": box(4), "achieved_goal": box(2), "desired_goal": box(2)})


@sweep(
    "space",
    [
        gym.spaces.Discrete(7),
        gym.spaces.MultiDiscrete([3, 4, 2]),
        gym.spaces.MultiBinary(6),
        box(2, 3),
        box(3, dtype=np.float64),
        gym.spaces.Box(0, 20, (4,), np.int64),
        image(6, 6, 1),
    ],
    ids=["discrete", "multi-discrete", "multi-binary", "matrix", "float64", "integers", "flat image"],
    quick=4,
)
def test_every_observation_space_is_encoded_as_in_sb3(save, space):
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    check_same_actions(save("PPO", "MlpPolicy", space, action_space, **SMALL), space, action_space)


@pytest.mark.parametrize(
    "settings", [{}, {"share_features_extractor": False}, {"features_extractor_kwargs": {"features_dim": 32}}]
)
def test_ppo_on_images_acts_as_in_sb3(save, settings):
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    saved = save("PPO", "CnnPolicy", image(), action_space, policy_kwargs=settings)
    check_same_actions(saved, image(), action_space, rows=100)


@pytest.mark.parametrize("algorithm", ["DQN", "QRDQN"])
def test_q_networks_on_images_act_as_in_sb3(save, algorithm):
    check_same_actions(
        save(algorithm, "CnnPolicy", image(), gym.spaces.Discrete(4)),
        image(),
        gym.spaces.Discrete(4),
        rows=100,
    )


@pytest.mark.parametrize("algorithm", ["SAC", "TD3", "TQC"])
def test_continuous_control_from_images_acts_as_in_sb3(save, algorithm):
    check_same_actions(save(algorithm, "CnnPolicy", image(), UNEVEN, **SMALL), image(), UNEVEN, rows=100)


def test_images_that_are_already_normalised_are_left_alone(save):
    space = gym.spaces.Box(0, 1, (3, 36, 36), np.float32)
    saved = save("PPO", "CnnPolicy", space, UNEVEN, policy_kwargs={"normalize_images": False})
    check_same_actions(saved, space, UNEVEN, rows=100)


@sweep(
    "settings",
    [{}, {"features_extractor_kwargs": {"cnn_output_dim": 16}}, {"share_features_extractor": False}],
)
def test_dict_observations_with_images_act_as_in_sb3(save, settings):
    saved = save("PPO", "MultiInputPolicy", MIXED, UNEVEN, policy_kwargs=settings)
    check_same_actions(saved, MIXED, UNEVEN, rows=100)


@sweep("algorithm", ["SAC", "TQC", "TD3", "DDPG"])
def test_goal_observations_act_as_in_sb3(save, algorithm):
    check_same_actions(save(algorithm, "MultiInputPolicy", GOAL, UNEVEN, **SMALL), GOAL, UNEVEN)
