"""Damaged files, and what reading one may cost."""

import io
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
