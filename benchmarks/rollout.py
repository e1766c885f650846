"""Steps per second of a build's rollouts beside the raw `gymnasium` step loop, in one run.

`python -m benchmarks rollout [agents=FOLDER] [expert=cartpole,ant] [lanes=64] [rounds=7] [clock=cpu]`: one
worker; expert, recording and writing included. FOLDER holds the published agents as the Hub has them; without
it they come from the Hub. What cannot be had or played here is said and left out. `clock=cpu` counts the
processor's seconds: the ratios of a machine that other work keeps busy.

The raw loop is what `gym.make(id)` gives, stepped with nothing kept. It is measured in two ways:

* *sampled*: 1,000 random actions over and over, the usual benchmark loop;
* *replayed*: the very seeds and actions that the build has just recorded, so that the simulator does the
  same work on both sides. A simulator's step takes longer in some states than in others (a falling Ant
  touches the ground in more places than a running one), and no recorder can beat this one.

These machines are noisy, so only ratios count: the three are measured in turn, in short rounds, and the
medians of the rounds' ratios are printed.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym

from benchmarks.measuring import Options
from benchmarks.report import Section
from builder.composition import build_config
from builder.episodes.recording import Recording
from builder.episodes.recording_file import read_recording
from builder.errors import BuilderError
from builder.experts.actor import pack
from builder.pipeline.build import Build
from builder.pipeline.instances import settle
from builder.pipeline.prepare import prepare
from builder.rollout.worker import ChunkTask, Setup, play_chunk

EXPERTS: dict[str, tuple[str, str, int, float]] = {
    "cartpole": ("expert=cartpole", "", 128_000, 0.75),
    "pendulum": ("expert=pendulum", "", 64_000, 0.7),
    "lunarlander": ("expert=ppo-lunarlander", "ppo-LunarLander-v2", 30_000, 0.75),
    "halfcheetah": ("expert=a2c-halfcheetah", "a2c-HalfCheetah-v3", 64_000, 0.75),
    "ant": ("expert=trpo-ant", "trpo-Ant-v3", 16_000, 0.85),
}
"""What is played, its folder among the published agents, about how many steps a round, and the goal."""
SAMPLED_ACTIONS = 1000


Clock = Callable[[], float]


def sampled_rate(
    env_id: str, kwargs: dict[str, Any], steps: int, *, clock: Clock = time.perf_counter
) -> float:
    """Steps per second of the raw loop on random actions, resets included."""
    environment = gym.make(env_id, **kwargs)
    environment.action_space.seed(0)
    actions = [environment.action_space.sample() for _ in range(SAMPLED_ACTIONS)]
    environment.reset(seed=0)
    began = clock()
    for step in range(steps):
        _, _, terminated, truncated, _ = environment.step(actions[step % SAMPLED_ACTIONS])
        if terminated or truncated:
            environment.reset()
    rate = steps / (clock() - began)
    environment.close()
    return rate


def replayed_rate(
    env_id: str, kwargs: dict[str, Any], recording: Recording, *, steps: int, clock: Clock
) -> float:
    """Steps per second of the raw loop on recorded episodes, resets included."""
    environment = gym.make(env_id, **kwargs)
    seeds, ends = recording.seeds.tolist(), recording.lengths.cumsum()
    episodes = [
        (seed, list(recording.actions[0][end - length : end]))
        for seed, length, end in zip(seeds, recording.lengths, ends, strict=True)
        if end - length < steps
    ]
    environment.reset(seed=0)
    began = clock()
    for seed, actions in episodes:
        environment.reset(seed=seed)
        for action in actions:
            environment.step(action)
    seconds = clock() - began
    environment.close()
    return sum(len(actions) for _, actions in episodes) / seconds


def setup_of(build: Build) -> Setup:
    """What all chunks of a build have in common: a worker keeps what it made for it."""
    return Setup(
        identity=build.store.identity,
        environment=build.environment,
        player=pack(build.player),
        policy=build.expert.name,
        root_seed=0,
        lanes=build.config.rollout.most_lanes,
    )


def build_rate(setup: Setup, attempts: int, path: Path, clock: Clock) -> float:
    """Steps per second of one worker: environments, expert, recording and the chunk's file."""
    began = clock()
    summary = play_chunk(ChunkTask(setup, 0, attempts, path))
    return int(summary.lengths.sum()) / (clock() - began)


def measure(build: Build, steps: int, rounds: int, clock: Clock) -> list[tuple[float, float, float]]:
    """Per round: steps per second sampled, replayed and built."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chunk.safetensors"
        lanes, setup = build.config.rollout.most_lanes, setup_of(build)
        build_rate(setup, lanes, path, clock)
        mean_length = read_recording(path)[0].lengths.mean()
        attempts = lanes * max(1, round(steps / mean_length / lanes))
        build_rate(setup, attempts, path, clock)
        recording = read_recording(path)[0]
        spec = build.environment
        kwargs = {**spec.kwargs, "max_episode_steps": spec.max_episode_steps}
        return [
            (
                sampled_rate(spec.id, kwargs, steps // 2, clock=clock),
                replayed_rate(spec.id, kwargs, recording, steps=steps // 2, clock=clock),
                build_rate(setup, attempts, path, clock),
            )
            for _ in range(rounds)
        ]


def row(name: str, rates: list[tuple[float, float, float]], goal: float) -> list[str]:
    """One row of the table."""
    medians = [statistics.median(column) for column in zip(*rates, strict=True)]
    ratios = [sorted(played / raw[kind] for *raw, played in rates) for kind in (0, 1)]
    spreads = [f"{statistics.median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})" for found in ratios]
    return [name, *(f"{rate:,.0f}" for rate in medians), *spreads, f"{goal}"]


def sections(options: Options) -> list[Section]:
    """The table."""
    rounds, lanes = int(options.get("rounds", "7")), options.get("lanes")
    clock = time.process_time if options.get("clock") == "cpu" else time.perf_counter
    rows, notes = [], []
    for name in options["expert"].split(",") if "expert" in options else list(EXPERTS):
        expert, folder, steps, goal = EXPERTS[name]
        overrides = [expert]
        if folder and "agents" in options:
            overrides = ["expert=local", f"expert.path='{Path(options['agents']) / folder}'"]
        if lanes:
            overrides.append(f"rollout.lanes={lanes}")
        try:
            build = settle(prepare(build_config(overrides)), None)
        except BuilderError as error:
            notes.append(f"{name} is left out: {error}")
            continue
        rows.append(row(name, measure(build, steps, rounds, clock), goal))
        print("  ".join(rows[-1]), flush=True)
    return [
        Section(
            "One worker",
            "Steps per second of one worker (expert, recording and the chunk's file included) beside the raw"
            " step loop, on random actions (*sampled*) and on the very episodes that the worker has recorded"
            f" (*replayed*). Medians of {rounds} rounds; in brackets the least and the greatest ratio. Clock:"
            f" the {'wall' if clock is time.perf_counter else 'processor, since the machine was busy'}.",
            ["", "sampled", "replayed", "build", "build / sampled", "build / replayed", "goal"],
            rows,
            notes,
        )
    ]
