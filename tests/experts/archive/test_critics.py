"""What an archive holds beside what acts."""

import gymnasium as gym
import pytest
from sb3_models import SMALL, box, change_weights

from builder.errors import ArchiveError
from builder.experts.archive.critics import read_critics

CRITICS = {"SAC": 2, "TD3": 2, "DDPG": 1, "TQC": 2}


def test_an_actor_critic_has_a_value_and_its_discount(save):
    critics = read_critics(save("PPO", "MlpPolicy", box(3), gym.spaces.Discrete(2), gamma=0.9, **SMALL).path)
    assert critics.value.output.weight.shape == (1, 16)
    assert critics.action_values == ()
    assert critics.gamma == 0.9


@pytest.mark.parametrize("algorithm", CRITICS)
def test_critics_take_the_observation_and_the_action(save, algorithm):
    critics = read_critics(save(algorithm, "MlpPolicy", box(3), box(2), **SMALL).path)
    assert critics.value is None
    assert [critic.hidden[0].weight.shape for critic in critics.action_values] == [(16, 5)] * CRITICS[
        algorithm
    ]


def test_q_networks_have_no_critic_beside_them(save):
    critics = read_critics(save("DQN", "MlpPolicy", box(3), gym.spaces.Discrete(2), **SMALL).path)
    assert (critics.value, critics.action_values) == (None, ())


def test_a_critic_that_does_not_fit_is_named(save):
    path = save("SAC", "MlpPolicy", box(3), box(2), **SMALL).path
    change_weights(path, lambda state: state.update({"critic.qf1.0.weight": state["actor.mu.weight"]}))
    with pytest.raises(ArchiveError, match=r"critic\.qf1\.0"):
        read_critics(path)
