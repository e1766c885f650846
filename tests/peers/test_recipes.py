"""Agents of other frameworks, written by the recipes of docs/experts.md, act as they do there."""

import gymnasium as gym
import numpy as np
import peer
import pytest
from weights_folders import actions_of

LINE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
WIDE = gym.spaces.Box(np.float32([-1, -3]), np.float32([1, 2]))
START = """
import gymnasium as gym
import torch
from builder import save_weights
torch.manual_seed(0)
torch.set_num_threads(1)
line = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
wide = gym.spaces.Box(np.float32([-1, -3]), np.float32([1, 2]))
two = gym.spaces.Discrete(2)
observations = np.random.default_rng(0).normal(size=(1000, 4)).astype("f4")
seen = torch.as_tensor(observations)
"""
TORCHRL = """
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import MLP, NormalParamExtractor, ProbabilisticActor, TanhNormal
mlp = MLP(in_features=4, out_features=4, num_cells=[16, 16], activation_class=torch.nn.Tanh)
module = TensorDictModule(
    torch.nn.Sequential(mlp, NormalParamExtractor()), in_keys=["observation"], out_keys=["loc", "scale"])
actor = ProbabilisticActor(
    module, in_keys=["loc", "scale"], distribution_class=TanhNormal,
    distribution_kwargs={"low": torch.as_tensor(wide.low), "high": torch.as_tensor(wide.high)})
with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
    theirs = actor(TensorDict({"observation": seen}, [1000]))["action"].numpy()
save_weights(torch.nn.Sequential(*mlp), line, wide, words[0], squash="tanh", rescale=True, mean_only=True)
answer(observations=observations, theirs=theirs)
"""
D3RLPY_SAC = """
import d3rlpy
sac = d3rlpy.algos.SACConfig(
    actor_encoder_factory=d3rlpy.models.VectorEncoderFactory([16, 16]),
    action_scaler=d3rlpy.preprocessing.MinMaxActionScaler(minimum=wide.low, maximum=wide.high),
).create(device="cpu:0")
sac.create_impl((4,), 2)
theirs = sac.predict(observations)
policy = sac.impl.modules.policy
layers = torch.nn.Sequential(*policy._encoder._layers, policy._mu)
save_weights(layers, line, wide, words[0], squash="tanh", rescale=True)
answer(observations=observations, theirs=theirs)
"""
D3RLPY_DQN = """
import d3rlpy
encoder = d3rlpy.models.VectorEncoderFactory([16, 16])
dqn = d3rlpy.algos.DQNConfig(encoder_factory=encoder).create(device="cpu:0")
dqn.create_impl((4,), 2)
theirs = dqn.predict(observations)
function = dqn.impl.modules.q_funcs[0]
layers = torch.nn.Sequential(*function._encoder._layers, function._fc)
save_weights(layers, line, two, words[0], sampling="none")
answer(observations=observations, theirs=theirs)
"""
RLLIB = """
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core.columns import Columns
module = DefaultPPOTorchRLModule(
    observation_space=line, action_space=wide if words[1] == "wide" else two,
    model_config={"fcnet_hiddens": [16, 16], "fcnet_activation": "tanh", "vf_share_layers": False})
with torch.no_grad():
    out = module.forward_inference({Columns.OBS: seen})
    inputs = module.get_inference_action_dist_cls().from_logits(out[Columns.ACTION_DIST_INPUTS])
    theirs = inputs.to_deterministic().sample().numpy()
layers = torch.nn.Sequential(*module.encoder.actor_encoder.net.mlp, *module.pi.net.mlp)
if words[1] == "wide":
    save_weights(layers, line, wide, words[0], mean_only=True)
    theirs = np.clip(theirs, wide.low, wide.high)
else:
    save_weights(layers, line, two, words[0], sampling="softmax")
answer(observations=observations, theirs=theirs)
"""


def written(name, script, folder, *words):
    _, arrays = peer.run_beside(name, START + script, folder, *words)
    return arrays["observations"], arrays["theirs"]


@pytest.mark.parametrize(
    ("name", "script", "space", "words"),
    [
        pytest.param("torchrl", TORCHRL, WIDE, (), marks=peer.needs("torchrl"), id="torchrl"),
        pytest.param("d3rlpy", D3RLPY_SAC, WIDE, (), marks=peer.needs("d3rlpy"), id="d3rlpy-sac"),
        pytest.param(
            "d3rlpy", D3RLPY_DQN, gym.spaces.Discrete(2), (), marks=peer.needs("d3rlpy"), id="d3rlpy-dqn"
        ),
        pytest.param("rllib", RLLIB, WIDE, ("wide",), marks=peer.needs("rllib"), id="rllib-box"),
        pytest.param(
            "rllib", RLLIB, gym.spaces.Discrete(2), ("two",), marks=peer.needs("rllib"), id="rllib-discrete"
        ),
    ],
)
def test_an_agent_acts_as_its_framework_has_it(tmp_path, name, script, space, words):
    observations, theirs = written(name, script, tmp_path / "x", *words)
    ours = actions_of(tmp_path / "x", (LINE, space), [observations])
    if isinstance(space, gym.spaces.Box):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(ours, theirs)
