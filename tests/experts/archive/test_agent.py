"""Archives that SB3 writes are read, and act as SB3 acts."""

import io
import json
import time
import zipfile

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import PUBLISHED, as_observation, box, draw, float64, image, start

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.agent import read_agent
from builder.experts.network.forward import ACTIVATIONS
from builder.experts.network.network import ContinuousHead
from builder.experts.network_player import NetworkPlayer

ROWS = 1000
SMALL = {"policy_kwargs": {"net_arch": [16, 16]}}
UNEVEN = gym.spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([1.0, 3.0], np.float32))
MIXED = gym.spaces.Dict(
    {
        "vector": box(3),
        "picture": image(),
        "choice": gym.spaces.Discrete(3),
        "bits": gym.spaces.MultiBinary(2),
    }
)
GOAL = gym.spaces.Dict({"observation": box(4), "achieved_goal": box(2), "desired_goal": box(2)})


def acted(agent, space, action_space, batch, **settings):
    actor = start(NetworkPlayer(agent.network, **settings), space, action_space, lanes=len(batch[0]))
    return actor.act(batch, range(len(batch[0])))[0]


def compare(agent, policy, batch, observation_space, action_space):
    """Our deterministic actions against SB3's: identical if discrete, else within 1e-6 of its exact ones."""
    ours = acted(agent, observation_space, action_space, batch)
    observation = as_observation(observation_space, batch)
    expected, _ = policy.predict(observation, deterministic=True)
    assert ours.dtype == action_space.dtype
    assert len(np.unique(ours, axis=0)) > 1, "a policy that always acts the same shows nothing"
    if not isinstance(agent.network.head, ContinuousHead):
        np.testing.assert_array_equal(ours, expected)
        return
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)  # SB3's own error in float32
    with float64(policy):
        exact, _ = policy.predict(observation, deterministic=True)
    np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-6)


def check_same_actions(saved, observation_space, action_space, rows=ROWS):
    agent = read_agent(saved.path)
    compare(agent, saved.model.policy, draw(observation_space, rows), observation_space, action_space)
    return agent


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    "settings",
    [{}, {"features_extractor_kwargs": {"cnn_output_dim": 16}}, {"share_features_extractor": False}],
)
def test_dict_observations_with_images_act_as_in_sb3(save, settings):
    saved = save("PPO", "MultiInputPolicy", MIXED, UNEVEN, policy_kwargs=settings)
    check_same_actions(saved, MIXED, UNEVEN, rows=100)


@pytest.mark.parametrize("algorithm", ["SAC", "TQC", "TD3", "DDPG"])
def test_goal_observations_act_as_in_sb3(save, algorithm):
    check_same_actions(save(algorithm, "MultiInputPolicy", GOAL, UNEVEN, **SMALL), GOAL, UNEVEN)


@pytest.mark.parametrize("settings", [{}, {"squash_output": True}, {"full_std": False}, {"use_expln": True}])
@pytest.mark.parametrize("algorithm", ["PPO", "A2C"])
def test_gsde_of_actor_critics_acts_as_in_sb3(save, algorithm, settings):
    saved = save(algorithm, "MlpPolicy", box(4), UNEVEN, use_sde=True, policy_kwargs=settings)
    check_same_actions(saved, box(4), UNEVEN)


@pytest.mark.parametrize("settings", [{}, {"clip_mean": 0.5}, {"clip_mean": 0.0}, {"use_expln": True}])
@pytest.mark.parametrize("algorithm", ["SAC", "TQC"])
def test_gsde_of_sac_and_tqc_acts_as_in_sb3(save, algorithm, settings):
    wide = box(4, low=-30, high=30)
    saved = save(
        algorithm, "MlpPolicy", wide, UNEVEN, use_sde=True, policy_kwargs=settings | {"net_arch": [8]}
    )
    check_same_actions(saved, wide, UNEVEN)


@pytest.mark.parametrize("net_arch", [[], [8], {"pi": [8, 4], "vf": [32]}, {"pi": [], "vf": [8]}])
def test_layers_come_from_the_weights(save, net_arch):
    saved = save("PPO", "MlpPolicy", box(4), UNEVEN, policy_kwargs={"net_arch": net_arch})
    agent = check_same_actions(saved, box(4), UNEVEN)
    sizes = net_arch["pi"] if isinstance(net_arch, dict) else net_arch
    assert [len(layer.weight) for layer in agent.network.hidden] == sizes


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation_computes_what_torch_computes(save, name):
    import torch

    kwargs = {"activation_fn": getattr(torch.nn, name), "net_arch": [16, 16]}
    saved = save("TD3", "MlpPolicy", box(4, low=-9, high=9), UNEVEN, policy_kwargs=kwargs)
    agent = check_same_actions(saved, box(4, low=-9, high=9), UNEVEN)
    assert agent.network.activation == name


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation_is_exact_in_extended_precision(name):
    x = np.linspace(-9, 9, 1001)
    exact = ACTIVATIONS[name](x.astype(np.longdouble))
    assert exact.dtype == np.longdouble
    np.testing.assert_allclose(ACTIVATIONS[name](x.copy()), exact.astype(np.float64), rtol=1e-13, atol=2e-15)


def test_gelus_error_function_is_right_to_the_last_digits():
    """Against the values of Abramowitz and Stegun, Handbook of Mathematical Functions, table 7.1."""
    x = np.array([0.5, -1, 2], np.longdouble) * np.sqrt(np.longdouble(2))
    table = ("0.52049987781304653768", "-0.84270079294971486934", "0.99532226501895273416")
    expected = x / 2 * (1 + np.array([np.longdouble(text) for text in table]))
    np.testing.assert_allclose(ACTIVATIONS["GELU"](x.copy()), expected, rtol=1e-18)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    "settings", [{}, {"shared_lstm": True, "enable_critic_lstm": False}, {"enable_critic_lstm": False}]
)
def test_recurrent_policy_acts_as_in_sb3_over_whole_episodes(save, layers, settings):
    kwargs = {"lstm_hidden_size": 8, "n_lstm_layers": layers, "net_arch": [8], **settings}
    saved = save("RecurrentPPO", "MlpLstmPolicy", box(4), UNEVEN, policy_kwargs=kwargs)
    actor = start(NetworkPlayer(read_agent(saved.path).network), box(4), UNEVEN, lanes=3)
    state = None
    for step in range(50):
        batch = draw(box(4), 3, seed=step)
        expected, state = saved.model.predict(batch[0], state=state, deterministic=True)
        np.testing.assert_allclose(actor.act(batch, range(3))[0], expected, rtol=0, atol=2e-6)


def test_float32_precision_is_sb3s_own_within_its_rounding(save):
    saved = save("PPO", "MlpPolicy", box(4), UNEVEN)
    batch = draw(box(4), ROWS)
    expected, _ = saved.model.predict(batch[0], deterministic=True)
    ours = acted(read_agent(saved.path), box(4), UNEVEN, batch, precision="float32")
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


def test_float64_actions_stay_within_the_bounds_of_their_own_dtype(save):
    space = gym.spaces.Box(np.array([-0.1]), np.array([1 / 3]), dtype=np.float64)
    agent = read_agent(save("PPO", "MlpPolicy", box(4, low=-9, high=9), space).path)
    actions = acted(agent, box(4, low=-9, high=9), space, draw(box(4, low=-9, high=9), ROWS))
    assert actions.dtype == np.float64
    assert actions.min() == -0.1
    assert actions.max() == 1 / 3


def test_exploration_rate_is_read(save):
    saved = save("DQN", "MlpPolicy", box(4), gym.spaces.Discrete(2))
    saved.model.exploration_rate = 0.125
    saved.model.save(saved.path)
    assert read_agent(saved.path).exploration_rate == 0.125


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


def replace_member(path, name, change):
    """Rewrite one member of a zip file; `change` gets its content, and returns the new one or None."""
    members = {}
    with zipfile.ZipFile(path) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    members[name] = change(members.get(name))
    with zipfile.ZipFile(path, "w") as target:
        for member, content in members.items():
            if content is not None:
                target.writestr(member, content)


def change_weights(path, change):
    import torch

    def rewrite(content):
        state = torch.load(io.BytesIO(content), weights_only=True)
        change(state)
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return buffer.getvalue()

    replace_member(path, "policy.pth", rewrite)


def test_nan_weight_is_refused(archive):
    def spoil(state):
        state["action_net.weight"][0, 1] = float("nan")

    change_weights(archive, spoil)
    with pytest.raises(ArchiveError, match=r"action_net.weight has 1 numbers that are NaN or infinite"):
        read_agent(archive)


def test_weight_of_the_wrong_shape_is_refused(archive):
    def spoil(state):
        state["action_net.weight"] = state["action_net.weight"][:, :3].clone()

    change_weights(archive, spoil)
    with pytest.raises(
        ArchiveError, match=r"action_net.weight does not fit; expected shape \(2, 4\); got \(2, 3\)"
    ):
        read_agent(archive)


def test_weights_of_another_precision_are_refused(archive):
    def double(state):
        state["action_net.weight"] = state["action_net.weight"].double()

    change_weights(archive, double)
    with pytest.raises(UnsupportedExpertError, match=r"action_net.weight; expected float32; got float64"):
        read_agent(archive)


def test_missing_weight_is_named(archive):
    change_weights(archive, lambda state: state.pop("action_net.weight"))
    with pytest.raises(ArchiveError, match=r"'action_net.weight' is missing"):
        read_agent(archive)


def test_weight_without_a_place_is_refused(archive):
    import torch

    change_weights(archive, lambda state: state.update({"mlp_extractor.policy_net.1.weight": torch.zeros(4)}))
    with pytest.raises(UnsupportedExpertError, match=r"no known place in the policy; got mlp_extractor"):
        read_agent(archive)


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
    with pytest.raises(UnsupportedExpertError, match="noise features of its own"):
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


@pytest.mark.skipif(not PUBLISHED, reason="the published agents are not beside the repository")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
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
