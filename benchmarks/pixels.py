"""Atari: decisions per second of a build beside the bare environment, and bytes per step, in one run.

`python -m benchmarks pixels [game=Breakout] [lanes=8] [steps=300] [rounds=3]`: one worker, one thread.
The agent is Stable-Baselines3's `CnnPolicy` without training, whose speed is that of a trained one. In turn:

* *sb3*: `AtariWrapper` around the game, random actions, nothing kept: the loop that all ratios are to;
* *environment*: our own preprocessed environment in the same loop;
* *build*: a chunk with expert, recording and writing, by a worker that has played one before;
* *predict*: `make_atari_env` with as many environments, `VecFrameStack` and `model.predict`, nothing kept.

With `frames=1000000` actions are compared instead (`decisions.py`).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from benchmarks import decisions
from benchmarks.measuring import Options
from benchmarks.report import Section
from builder import Trajectories
from builder import build as build_dataset
from builder.composition import build_config
from builder.environments.environment import make
from builder.environments.providers import provide
from builder.experts.actor import pack
from builder.pipeline.build import Build
from builder.pipeline.instances import settle
from builder.pipeline.prepare import prepare
from builder.rollout.worker import ChunkTask, Setup, play_chunk

CONFIG = "env_wrapper: [stable_baselines3.common.atari_wrappers.AtariWrapper]\nframe_stack: 4\n"
LOOP_STEPS = 1000


def untrained(folder: Path, env_id: str) -> Any:
    """Save an agent as RL Baselines3 Zoo publishes it, and give the model."""
    from stable_baselines3 import PPO

    model = PPO("CnnPolicy", vector(env_id, 1), seed=0, device="cpu")
    model.save(folder / "agent.zip")
    (folder / "config.yml").write_text(CONFIG)
    return model


def vector(env_id: str, count: int) -> Any:
    """Stable-Baselines3's own environments, stacked."""
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    return VecFrameStack(make_atari_env(env_id, n_envs=count, seed=0), 4)


def loop_rate(environment: gym.Env[Any, Any]) -> float:
    """Steps per second on random actions; the first reset is not counted."""
    actions = np.random.default_rng(0).integers(environment.action_space.n, size=LOOP_STEPS)  # type: ignore[attr-defined]  # Atari's are Discrete
    environment.reset(seed=0)
    began = time.perf_counter()
    for action in actions:
        _, _, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            environment.reset()
    return LOOP_STEPS / (time.perf_counter() - began)


def chunk_setup(prepared: Build, lanes: int) -> Setup:
    """What every chunk has in common: a worker makes environments and expert for the first one."""
    return Setup(
        identity="benchmark",
        environment=prepared.environment,
        player=pack(prepared.player),
        policy=prepared.expert.name,
        root_seed=0,
        lanes=lanes,
    )


def chunk_rate(setup: Setup, attempts: int, folder: Path) -> float:
    """Steps per second of one chunk."""
    began = time.perf_counter()
    summary = play_chunk(ChunkTask(setup, 0, attempts, folder / "chunk.safetensors"))
    return int(summary.lengths.sum()) / (time.perf_counter() - began)


def predict_rate(model: Any, environments: Any, steps: int) -> float:
    """Steps per second of Stable-Baselines3's own loop."""
    observations = environments.reset()
    began = time.perf_counter()
    for _ in range(steps):
        actions, _ = model.predict(observations, deterministic=True)
        observations = environments.step(actions)[0]
    count: int = environments.num_envs
    return steps * count / (time.perf_counter() - began)


def measure(options: Options, folder: Path) -> tuple[dict[str, list[float]], Trajectories]:
    """Rates round by round, and a small dataset."""
    lanes, steps = int(options.get("lanes", "8")), int(options.get("steps", "300"))
    env_id = f"{options.get('game', 'Breakout')}NoFrameskip-v4"
    keys = [f"expert.path={folder}", f"env.id={env_id}", f"env.max_episode_steps={steps}"]
    provide(env_id)
    model = untrained(folder, env_id)
    prepared = settle(prepare(build_config(["expert=local", *keys])), None)
    from stable_baselines3.common.atari_wrappers import AtariWrapper

    bare, own = AtariWrapper(gym.make(env_id), clip_reward=False), make(prepared.environment)
    theirs, setup = vector(env_id, lanes), chunk_setup(prepared, lanes)
    measures: dict[str, Callable[[], float]] = {
        "`AtariWrapper` loop, random actions, nothing kept": lambda: loop_rate(bare),
        "our environment, the same": lambda: loop_rate(own),
        "**build**: expert, recording, writing": lambda: chunk_rate(setup, 2 * lanes, folder),
        "`model.predict` on `VecFrameStack`, nothing kept": lambda: predict_rate(model, theirs, steps),
    }
    found: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(1 + int(options.get("rounds", "3"))):
        for name, rate in measures.items():
            measured = rate()
            if number:  # the first round warms up
                found[name].append(measured)
    mapping = dict(key.split("=", 1) for key in keys)
    return found, build_dataset("local", episodes=lanes, out=str(folder / "dataset"), **mapping)


def sections(options: Options) -> list[Section]:
    """The table."""
    if "frames" in options:
        return decisions.sections(options)
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        found, dataset = measure(options, Path(temporary))
        files = dataset.manifest.files.items()
        size = sum(file.size for path, file in files if path.startswith("data/"))
        steps = dataset.manifest.splits["train"].rows
    torch.set_num_threads(threads)
    raw = next(iter(found.values()))
    rows = [
        [
            name,
            f"{statistics.median(rates):,.0f}",
            f"{statistics.median(rate / bare for rate, bare in zip(rates, raw, strict=True)):.2f}",
        ]
        for name, rates in found.items()
    ]
    return [
        Section(
            "Pixels",
            f"Atari ({options.get('game', 'Breakout')}), decisions per second of one worker and one thread"
            f" with {options.get('lanes', '8')} lanes; the agent is Stable-Baselines3's `CnnPolicy`, which"
            " takes as long untrained. The dataset holds single lossless frames; `stacked(4)` rebuilds their"
            " stack."
            f" Medians of {len(raw)} rounds.",
            ["", "steps/s", "of the first"],
            rows,
            [f"{size / steps:,.0f} bytes per step in the dataset, {84 * 84:,} in a chunk; {steps:,} steps"],
            {"ale-py": version("ale-py")},
        )
    ]
