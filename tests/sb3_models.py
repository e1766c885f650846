"""Real archives, made by Stable-Baselines3 itself, and published agents where they are at hand."""

import base64
import copy
import io
import json
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from places import AGENTS

from builder.episodes.context import Context
from builder.episodes.spaces import leaves
from builder.experts.archive.agent import read_agent
from builder.experts.network.network import ContinuousHead
from builder.experts.network_player import NetworkPlayer

PUBLISHED = sorted(AGENTS.glob("*/*.zip"))


class SpacesEnv(gym.Env):
    """An environment that only has spaces, which is all that an untrained model needs."""

    def __init__(self, observation_space, action_space):
        self.observation_space = observation_space
        self.action_space = action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


@dataclass(frozen=True)
class Saved:
    """A model and the archive that it was saved in."""

    model: object
    path: Path


def make_model(algorithm, policy, observation_space, action_space, **settings):
    """An untrained model of `stable_baselines3` or `sb3_contrib`, whose weights are not all but zero."""
    import sb3_contrib
    import stable_baselines3
    import torch

    torch.set_num_threads(1)  # threads would only wait for each other
    cls = getattr(stable_baselines3, algorithm, None) or getattr(sb3_contrib, algorithm)
    if algorithm in {"DQN", "QRDQN", "SAC", "TQC", "TD3", "DDPG"}:
        settings = {"buffer_size": 10, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SB3's opinions of tiny settings
        environment = SpacesEnv(observation_space, action_space)
        model = cls(policy, environment, device="cpu", seed=0, **copy.deepcopy(settings))  # SB3 changes them
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def box(*shape, low=-1.0, high=1.0, dtype=np.float32):
    return gym.spaces.Box(low, high, shape, dtype)


def image(height=36, width=36, channels=3):
    return gym.spaces.Box(0, 255, (height, width, channels), np.uint8)


def draw(space, rows, seed=0):
    """A batch of observations: per leaf an array [rows, ...]; unbounded numbers are normal."""
    space.seed(seed)
    samples = [space.sample() for _ in range(rows)]
    return [np.stack([leaf.pick(sample) for sample in samples]) for leaf in leaves(space)]


def as_observation(space, batch):
    """A batch in the form that SB3's `predict` takes."""
    if isinstance(space, gym.spaces.Dict):
        return dict(zip((leaf.name for leaf in leaves(space)), batch, strict=True))
    return batch[0]


@contextmanager
def float64(policy):
    """SB3's own code, computing in float64: its float32 errs by more than the 1e-6 that is to be shown."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        policy.double()
        yield


def start(player, observation_space, action_space, lanes=1, root_seed=0):
    """An actor whose lanes have all begun an attempt of their own."""
    actor = player.actor(observation_space, action_space)
    for lane in range(lanes):
        actor.begin(lane, Context(lane, root_seed))
    return actor


def tamper(path, field, content):
    """Put a pickle in a field of an archive."""
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    fields = json.loads(members["data"])
    fields[field] = {":type:": "<class 'x'>", ":serialized:": base64.b64encode(content).decode()}
    members["data"] = json.dumps(fields).encode()
    with zipfile.ZipFile(path, "w") as target:
        for name, member in members.items():
            target.writestr(name, member)


ROWS = 1000
SMALL = {"policy_kwargs": {"net_arch": [16, 16]}}
UNEVEN = gym.spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([1.0, 3.0], np.float32))


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


def statistics(space=None, **settings):
    """A `VecNormalize` as SB3 saves it, after it has seen a few observations."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    space = box(3) if space is None else space

    class Env(gym.Env):
        observation_space, action_space = space, gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return self.observation_space.sample(), {}

        def step(self, action):
            return self.observation_space.sample(), 1.0, False, False, {}

    vector = VecNormalize(DummyVecEnv([Env]), **settings)
    vector.reset()
    for _ in range(20):
        vector.step([0])
    return vector
