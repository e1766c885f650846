"""Agents of other frameworks, written by the recipes of docs/experts.md, act as they do there.

The lines that write them are those of the page, which call the agents `module`, `algo`, `policy` or `mlp`.
"""

import gymnasium as gym
import numpy as np
import peer
import pytest
from snippets import blocks
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


class Env:
    observation_space, action_space = line, wide if words[2] == "wide" else two


env, recipe = Env(), words[1]
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
exec(recipe)
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
algo = sac
exec(recipe)
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
algo = dqn
exec(recipe)
answer(observations=observations, theirs=theirs)
"""
RLLIB = """
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core.columns import Columns
module = DefaultPPOTorchRLModule(
    observation_space=line, action_space=env.action_space,
    model_config={"fcnet_hiddens": [16, 16], "fcnet_activation": "tanh", "vf_share_layers": False})
with torch.no_grad():
    out = module.forward_inference({Columns.OBS: seen})
    inputs = module.get_inference_action_dist_cls().from_logits(out[Columns.ACTION_DIST_INPUTS])
    theirs = inputs.to_deterministic().sample().numpy()
exec(recipe)
if words[2] == "wide":
    theirs = np.clip(theirs, wide.low, wide.high)
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
if words[3] == "dqn":
    policy = DiscreteQLearningPolicy(model=Net(**hidden, action_shape=2), action_space=two)
elif words[3] == "ppo":
    actor = DiscreteActor(preprocess_net=Net(**hidden), action_shape=2, softmax_output=False)
    policy = DiscreteActorPolicy(actor=actor, action_space=two, deterministic_eval=True)
else:
    actor = ContinuousActorProbabilistic(
        preprocess_net=Net(**hidden), action_shape=2, unbounded=True, conditioned_sigma=True)
    policy = SACPolicy(actor=actor, action_space=wide)
with torch.no_grad():
    exec(recipe)
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


def recipe(*words):
    """The block of Python of the page that holds some words, for the folder that a script is given."""
    shown = [text for kind, text in blocks("docs/experts.md") if kind == "python"]
    (block,) = (text for text in shown if all(word in text for word in words))
    return block.replace('"my-expert"', "words[0]")


CASES = {
    "torchrl": (TORCHRL, "*mlp", WIDE),
    "d3rlpy-sac": (D3RLPY_SAC, "policy._mu", WIDE),
    "d3rlpy-dqn": (D3RLPY_DQN, "function._fc", TWO),
    "tianshou-dqn": (TIANSHOU, "policy.model.model.model", TWO),
    "tianshou-ppo": (TIANSHOU, "actor.last.model", TWO),
    "tianshou-sac": (TIANSHOU, "actor.mu.model", WIDE),
    "rllib-box": (RLLIB, "module.pi", "mean_only", WIDE),
    "rllib-discrete": (RLLIB, "module.pi", "softmax", TWO),
}
"""By library and agent: the script, words of its block, and the actions."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=peer.needs(case.partition("-")[0])) for case in CASES]
)
def test_an_agent_acts_as_its_framework_has_it(tmp_path, case):
    (name, _, kind), (script, *words, space) = case.partition("-"), CASES[case]
    shape = "wide" if space is WIDE else "two"
    _, arrays = peer.run_beside(name, START + script, tmp_path / "x", recipe(*words), shape, kind)
    observations, theirs = arrays["observations"], arrays["theirs"]
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
