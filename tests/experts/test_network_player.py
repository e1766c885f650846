"""An attempt's actions do not depend on the batch, and sampling follows the policy's distribution."""

import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from networks import BATCHES, linear_network
from sb3_models import PUBLISHED, box, draw, start
from sweeps import sweep

from builder.episodes.context import Context
from builder.errors import ConfigError, SpaceError
from builder.experts.archive.agent import read_agent
from builder.experts.network.network import DiscreteHead
from builder.experts.network_player import NetworkPlayer

CASES = {
    "PPO discrete": ("PPO", gym.spaces.Discrete(3), {}),
    "PPO bits": ("PPO", gym.spaces.MultiBinary(3), {}),
    "PPO several": ("PPO", gym.spaces.MultiDiscrete([2, 3]), {}),
    "PPO box": ("PPO", box(2), {}),
    "PPO gSDE": ("PPO", box(2), {"use_sde": True}),
    "SAC": ("SAC", box(2), {}),
    "SAC gSDE": ("SAC", box(2), {"use_sde": True}),
    "DQN": ("DQN", gym.spaces.Discrete(3), {}),
    "TD3": ("TD3", box(2), {}),
    "RecurrentPPO": ("RecurrentPPO", box(2), {"policy_kwargs": {"lstm_hidden_size": 16}}),
}


@pytest.mark.parametrize("deterministic", [True, False], ids=["best", "sampled"])
@sweep("case", CASES, quick=3)
def test_an_attempts_actions_do_not_depend_on_the_other_lanes(save, case, deterministic):
    algorithm, action_space, settings = CASES[case]
    policy = "MlpLstmPolicy" if algorithm == "RecurrentPPO" else "MlpPolicy"
    network = read_agent(save(algorithm, policy, box(5), action_space, **settings).path).network
    player = NetworkPlayer(network, deterministic=deterministic)
    steps = [draw(box(5), 16, seed=step)[0] for step in range(20)]

    alone = []
    for lane in range(16):
        actor = player.actor(box(5), action_space)
        actor.begin(0, Context(lane))
        alone.append([actor.act([step[lane : lane + 1]], [0])[0][0] for step in steps])

    actor = start(player, box(5), action_space, lanes=16)
    rng = np.random.default_rng(0)
    together = [[] for _ in range(16)]
    while any(len(played) < len(steps) for played in together):
        lanes = [
            lane for lane in rng.permutation(16)[: rng.integers(1, 17)] if len(together[lane]) < len(steps)
        ]
        if lanes:
            rows = np.stack([steps[len(together[lane])][lane] for lane in lanes])
            for lane, action in zip(lanes, actor.act([rows], lanes)[0], strict=True):
                together[lane].append(action)
    np.testing.assert_array_equal(np.array(together), np.array(alone))


@sweep("case", ["PPO discrete", "PPO bits", "PPO several", "PPO box", "PPO gSDE", "SAC", "DQN"], quick=4)
def test_the_same_attempt_samples_the_same_and_another_attempt_samples_otherwise(save, case):
    algorithm, action_space, settings = CASES[case]
    agent = read_agent(save(algorithm, "MlpPolicy", box(5), action_space, **settings).path)
    network = agent.network
    observations = np.zeros((40, 5), np.float32)
    if algorithm == "DQN":
        network = linear_network(
            np.eye(3, 5),
            action_space=action_space,
            head=DiscreteHead((3,), sampling="epsilon", exploration_rate=0.5),
        )
    actor = NetworkPlayer(network, deterministic=False).actor(box(5), action_space)

    def play(index):
        actor.begin(0, Context(index))
        return np.concatenate([actor.act([row[None]], [0])[0] for row in observations])

    first = play(0)
    assert not np.array_equal(play(1), first)
    np.testing.assert_array_equal(play(0), first)


@pytest.mark.parametrize(
    ("observation_space", "action_space"),
    [
        (box(4), gym.spaces.Discrete(2)),
        (gym.spaces.Discrete(3), gym.spaces.Discrete(2)),
        (gym.spaces.Dict({"observation": box(3)}), gym.spaces.Discrete(2)),
        (box(3), gym.spaces.Discrete(3)),
        (box(3), gym.spaces.Discrete(2, start=1)),
        (box(3), box(1)),
    ],
)
def test_other_spaces_than_the_trained_ones_are_refused(archive, observation_space, action_space):
    with pytest.raises(SpaceError, match=r"trained on other (observations|actions)"):
        NetworkPlayer(read_agent(archive).network).actor(observation_space, action_space)


def test_other_action_bounds_than_the_trained_ones_are_refused(save):
    network = read_agent(save("SAC", "MlpPolicy", box(3), box(2)).path).network
    with pytest.raises(SpaceError, match="trained on other actions"):
        NetworkPlayer(network).actor(box(3), box(2, high=2.0))


def test_other_observation_bounds_and_float_types_do_not_matter(archive):
    NetworkPlayer(read_agent(archive).network).actor(
        box(3, low=-np.inf, high=np.inf, dtype=np.float64), gym.spaces.Discrete(2)
    )


def test_unknown_precision_is_refused(archive):
    with pytest.raises(ConfigError, match="precision"):
        NetworkPlayer(read_agent(archive).network, precision="float16")


def test_player_survives_pickling(archive):
    player = NetworkPlayer(read_agent(archive).network)
    rows = draw(box(3), 10)[0]
    again = pickle.loads(pickle.dumps(player))
    for actions in zip(
        *(start(p, box(3), gym.spaces.Discrete(2), 10).act([rows], range(10)) for p in (player, again)),
        strict=True,
    ):
        np.testing.assert_array_equal(*actions)


def test_workers_do_not_import_torch(archive, tmp_path):
    player = tmp_path / "player"
    player.write_bytes(pickle.dumps(NetworkPlayer(read_agent(archive).network)))
    code = """
import pickle, sys
import gymnasium as gym, numpy as np
from builder.episodes.context import Context
with open(sys.argv[1], "rb") as file:
    actor = pickle.load(file).actor(gym.spaces.Box(-1, 1, (3,)), gym.spaces.Discrete(2))
actor.begin(0, Context(0))
print(actor.act([np.zeros((1, 3), np.float32)], [0])[0].shape, "torch" in sys.modules)
"""
    output = subprocess.run([sys.executable, "-c", code, player], capture_output=True, text=True, check=True)
    assert output.stdout == "(1,) False\n"


@pytest.mark.slow
@pytest.mark.skipif(not PUBLISHED, reason="the published agents are not beside the repository")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_agent_acts_alike_in_batches_of_1_7_and_64(path):
    network = read_agent(path).network
    batch = [np.clip(leaf, -10, 10) for leaf in draw(network.observation_space, 1792)]
    results = []
    for size in BATCHES:
        actor = start(NetworkPlayer(network), network.observation_space, network.action_space, lanes=size)
        results.append(
            np.concatenate(
                [
                    actor.act([leaf[first : first + size] for leaf in batch], range(size))[0]
                    for first in range(0, 1792, size)
                ]
            )
        )
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
