"""Damaged files, and what reading one may cost."""

import base64
import io
import json
import random
import time
import tracemalloc
import zipfile

import gymnasium as gym
from sb3_models import box, make_model

from builder.errors import ArchiveError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.agent import read_agent

NAMED = (ArchiveError, UnsafeArchiveError, UnsupportedExpertError)
SECONDS = 5
MEGABYTES = 500


def members_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return {info.filename: source.read(info) for info in source.infolist()}


def zipped(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return buffer.getvalue()


class Mutator:
    """Damages archives as transfers, disks and attackers do.

    Args:
        seed: what makes one mutation unlike another.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)

    def bytes(self, content):
        content = bytearray(content)
        for _ in range(self.random.choice([1, 1, 1, 2, 4, 16, 64])):
            if content:
                self._spoil(content)
        return bytes(content)

    def _spoil(self, content):
        choice, at = self.random.random(), self.random.randrange(len(content))
        if choice < 0.5:
            content[at] ^= 1 << self.random.randrange(8)
        elif choice < 0.7:
            content[at] = self.random.choice([0, 255, *b"(R.}]h\x80\x85\x86\x93", self.random.randrange(256)])
        elif choice < 0.8:
            del content[at : at + self.random.choice([1, 1, 4, 64, 4096])]
        elif choice < 0.9:
            content[at:at] = self.random.randbytes(self.random.choice([1, 4, 16]))
        elif choice < 0.95:
            other, size = self.random.randrange(len(content)), self.random.choice([1, 4, 16, 256])
            content[at : at + size] = content[other : other + size]
        else:
            del content[at:]

    def archive(self, content):
        choice = self.random.random()
        if choice < 0.3:
            return self.bytes(content)
        members = members_of(content)
        if choice < 0.4:
            del members[self.random.choice(list(members))]
        elif choice < 0.55:
            members["data"] = self.bytes(members["data"])
        elif choice < 0.8:
            members["data"] = self.field(members["data"])
        elif choice < 0.9:
            members["policy.pth"] = self.inner(members["policy.pth"])
        else:
            members["policy.pth"] = self.bytes(members["policy.pth"])
        return zipped(members, self.random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))

    def field(self, content):
        fields = json.loads(content)
        pickled = [
            name for name, value in fields.items() if isinstance(value, dict) and ":serialized:" in value
        ]
        used = [name for name in pickled if name in {"policy_class", "observation_space", "action_space"}]
        field = fields[self.random.choice(used * 2 + pickled)]
        changed = self.bytes(base64.b64decode(field[":serialized:"]))
        field[":serialized:"] = base64.b64encode(changed).decode()
        return json.dumps(fields).encode()

    def inner(self, content):
        members = members_of(content)
        name = self.random.choice([name for name in members if name.endswith("data.pkl")] * 3 + list(members))
        return zipped({**members, name: self.bytes(members[name])})


def read_quickly(path):
    """Read an archive within the bounds that every file must keep."""
    tracemalloc.start()
    began = time.process_time()
    try:
        return read_agent(path)
    finally:
        seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seconds < SECONDS
        assert peak < MEGABYTES << 20


def sources(tmp_path):
    """Small archives of different families, and statistics of observations."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    small = {"policy_kwargs": {"net_arch": [4]}}
    goal = gym.spaces.Dict(observation=box(2), achieved_goal=box(1), desired_goal=box(1))
    archives = []
    for arguments in (
        ("PPO", "MlpPolicy", box(3), gym.spaces.Discrete(2)),
        ("A2C", "MlpPolicy", box(3), gym.spaces.MultiDiscrete([2, 3])),
        ("SAC", "MultiInputPolicy", goal, box(2)),
        ("DQN", "MlpPolicy", gym.spaces.MultiBinary(3), gym.spaces.Discrete(2)),
        ("TQC", "MlpPolicy", box(3), box(2)),
    ):
        model = make_model(*arguments, **small)
        model.save(tmp_path / "source.zip", exclude=["_last_obs"])
        archives.append((tmp_path / "source.zip").read_bytes())
    vector = VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    vector.reset()
    vector.save(tmp_path / "source.pkl")
    return archives, (tmp_path / "source.pkl").read_bytes()
