"""Atari: decisions per second of a build beside the bare environment, and bytes per step, in one run.

`python -m benchmarks.pixels [game=Breakout] [lanes=8] [steps=300] [rounds=3]`: one worker, one thread.
The agent is Stable-Baselines3's `CnnPolicy` without training, whose speed is that of a trained one. In turn:

* *sb3*: `AtariWrapper` around the game, random actions, nothing kept: the loop that all ratios are to;
* *environment*: our own preprocessed environment in the same loop;
* *build*: a chunk with expert (float64), recording and writing;
* *predict*: `make_atari_env` with as many environments, `VecFrameStack` and `model.predict`, nothing kept.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder import build as build_dataset
from builder.composition import build_config
from builder.preparation import Build, prepare
from builder.rollout.environment import make
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


def chunk_rate(prepared: Build, lanes: int, folder: Path) -> float:
    """Steps per second of one chunk with one attempt per lane."""
    setup = Setup(
        identity="benchmark",
        environment=prepared.environment,
        player=Setup.pack(prepared.player),
        policy=prepared.expert.name,
        root_seed=0,
        lanes=lanes,
    )
    began = time.perf_counter()
    summary = play_chunk(ChunkTask(setup, 0, lanes, folder / "chunk.safetensors"))
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


def main(arguments: list[str]) -> None:
    """Print the medians of the rounds' rates and ratios, and the bytes of a step."""
    import torch

    options = dict(argument.split("=", 1) for argument in arguments)
    lanes, steps = int(options.get("lanes", "8")), int(options.get("steps", "300"))
    env_id = f"{options.get('game', 'Breakout')}NoFrameskip-v4"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        keys = [f"expert.path={folder}", f"env.id={env_id}", f"env.max_episode_steps={steps}"]
        from builder.rollout.providers import provide

        provide(env_id)
        model = untrained(folder, env_id)
        prepared = prepare(build_config(["expert=local", *keys]))
        from stable_baselines3.common.atari_wrappers import AtariWrapper

        bare, own = AtariWrapper(gym.make(env_id), clip_reward=False), make(prepared.environment)
        theirs = vector(env_id, lanes)
        measures: dict[str, Callable[[], float]] = {
            "sb3": lambda: loop_rate(bare),
            "environment": lambda: loop_rate(own),
            "build": lambda: chunk_rate(prepared, lanes, folder),
            "predict": lambda: predict_rate(model, theirs, steps),
        }
        rounds = [
            {name: measure() for name, measure in measures.items()}
            for _ in range(1 + int(options.get("rounds", "3")))
        ][1:]
        for name in measures:
            rate = statistics.median(row[name] for row in rounds)
            ratio = statistics.median(row[name] / row["sb3"] for row in rounds)
            print(f"{name:14}{rate:>10,.0f} steps/s{ratio:>8.2f} of sb3")
        out = str(folder / "dataset")
        mapping = dict(key.split("=", 1) for key in keys)
        dataset = build_dataset("local", episodes=lanes, out=out, **mapping)
        size = sum(file.size for path, file in dataset.manifest.files.items() if path.startswith("data/"))
        rows = dataset.manifest.splits["train"].rows
        print(f"{size / rows:,.0f} bytes per step in the dataset, {84 * 84:,} in a chunk, {rows:,} steps")


if __name__ == "__main__":
    main(sys.argv[1:])
