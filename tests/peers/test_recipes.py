"""Agents of other frameworks, written by the recipes of docs/experts.md, act as they do there."""

import gymnasium as gym
import numpy as np
import peer
import pytest
from weights_folders import actions_of, described, write_folder

from builder.experts.sources.onnx_model import check_model
from builder.experts.sources.onnx_player import OnnxPlayer

LINE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
TWO = gym.spaces.Discrete(2)
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
import functools  # torch's other exporter needs no further package
torch.onnx.export = functools.partial(torch.onnx.export, dynamo=False)
sac.save_policy(words[0] + "/model.onnx")
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
TIANSHOU = """
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.modelfree.reinforce import DiscreteActorPolicy
from tianshou.algorithm.modelfree.sac import SACPolicy
from tianshou.data import Batch
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic
from tianshou.utils.net.discrete import DiscreteActor
hidden = {"state_shape": (4,), "hidden_sizes": [16, 16]}
if words[1] == "dqn":
    policy = DiscreteQLearningPolicy(model=Net(**hidden, action_shape=2), action_space=two)
    layers = torch.nn.Sequential(*policy.model.model.model)
    save_weights(layers, line, two, words[0], sampling="none")
elif words[1] == "ppo":
    actor = DiscreteActor(preprocess_net=Net(**hidden), action_shape=2, softmax_output=False)
    policy = DiscreteActorPolicy(actor=actor, action_space=two, deterministic_eval=True)
    layers = torch.nn.Sequential(*policy.actor.preprocess.model.model, *policy.actor.last.model)
    save_weights(layers, line, two, words[0], sampling="softmax")
else:
    actor = ContinuousActorProbabilistic(
        preprocess_net=Net(**hidden), action_shape=2, unbounded=True, conditioned_sigma=True)
    policy = SACPolicy(actor=actor, action_space=wide)
    layers = torch.nn.Sequential(*policy.actor.preprocess.model.model, *policy.actor.mu.model)
    save_weights(layers, line, wide, words[0], squash="tanh", rescale=True)
with torch.no_grad():
    chosen = policy(Batch(obs=observations, info=Batch())).act
theirs = policy.map_action(chosen if isinstance(chosen, np.ndarray) else chosen.numpy())
answer(observations=observations, theirs=theirs)
"""
FLAX = """
import flax.linen as nn
import jax

class Actor(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.LayerNorm()(nn.gelu(nn.Dense(16)(x)))
        x = nn.silu(nn.Dense(16)(x))
        return nn.Dense(2)(x)

class Seer(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), strides=(2, 2), padding="SAME")(x))
        return nn.Dense(3)(x.reshape((len(x), -1)))

rng = np.random.default_rng(0)
vectors = rng.normal(size=(1000, 4)).astype("f4")
images = rng.integers(0, 256, size=(200, 9, 8, 2)).astype("u1")
arrays = {}
for module, given in ((Actor(), vectors), (Seer(), images / np.float32(255))):
    params = module.init(jax.random.PRNGKey(0), given)
    name = type(module).__name__
    arrays[name] = np.asarray(module.apply(params, given))
    for layer, tensors in params["params"].items():
        arrays |= {f"{name}/{layer}/{key}": np.asarray(values) for key, values in tensors.items()}
answer(vectors=vectors, images=images, **arrays)
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
        *(
            pytest.param(
                "tianshou", TIANSHOU, space, (kind,), marks=peer.needs("tianshou"), id=f"tianshou-{kind}"
            )
            for kind, space in (("dqn", TWO), ("ppo", TWO), ("sac", WIDE))
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
    if (model := tmp_path / "x/model.onnx").exists():
        player = OnnxPlayer(model.read_bytes(), model.name)
        check_model(player.model, model.name)
        exported = player.actor(LINE, space).act([observations], range(1000))[0]
        np.testing.assert_allclose(exported, theirs, rtol=1e-5, atol=1e-5)
    if isinstance(space, gym.spaces.Box):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def flax():
    return peer.run("flax", FLAX)[1]


def dense(name, **more):
    return {"kind": "linear", "weight": f"{name}/kernel", "bias": f"{name}/bias", "transposed": True, **more}


def tensors_of(arrays, name):
    return {key: values for key, values in arrays.items() if key.startswith(f"{name}/")}


@pytest.mark.slow
@pytest.mark.skipif(not peer.python_of("flax").exists(), reason="make .peers/flax")
def test_layers_of_flax_act_as_it_has_them(flax, tmp_path):
    norm = {"kind": "layer_norm", "weight": "Actor/LayerNorm_0/scale", "bias": "Actor/LayerNorm_0/bias"}
    layers = [
        *(dense("Actor/Dense_0", activation="gelu_tanh"), {**norm, "epsilon": 1e-6}),
        *(dense("Actor/Dense_1", activation="silu"), dense("Actor/Dense_2")),
    ]
    box = gym.spaces.Box(-99, 99, (2,), np.float32)
    write_folder(tmp_path, described(LINE, box, layers), tensors_of(flax, "Actor"))
    ours = actions_of(tmp_path, (LINE, box), [flax["vectors"]])
    np.testing.assert_allclose(ours, flax["Actor"], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not peer.python_of("flax").exists(), reason="make .peers/flax")
def test_images_of_flax_are_seen_as_it_sees_them(flax, tmp_path):
    tensors = tensors_of(flax, "Seer")
    kernel = tensors["Seer/Conv_0/kernel"]
    tensors["Seer/Conv_0/kernel"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    filters = {"kind": "conv2d", "weight": "Seer/Conv_0/kernel", "bias": "Seer/Conv_0/bias", "stride": 2}
    layers = [
        {**filters, "padding": [[1, 1], [0, 1]], "activation": "relu"},  # SAME, of 9 by 8 pixels
        {"kind": "flatten", "order": "channels_last"},
        dense("Seer/Dense_0"),
    ]
    three, seen = gym.spaces.Discrete(3), gym.spaces.Box(0, 255, (2, 9, 8), np.uint8)
    write_folder(tmp_path, described(seen, three, layers, scale_images=True), tensors)
    given = gym.spaces.Box(0, 255, (9, 8, 2), np.uint8)
    ours = actions_of(tmp_path, (given, three), [flax["images"]])
    np.testing.assert_array_equal(ours, flax["Seer"].argmax(axis=1))
