"""Steps per second of a build's rollouts beside the raw `gymnasium` step loop, in one run.

`python -m benchmarks.rollout [expert=cartpole ...] [lanes=256] [rounds=5]`: one worker; writing included. The
raw loop steps the environment with actions chosen beforehand and keeps nothing. These machines are noisy, so
only the ratio counts: the two are measured in turn, and the median of the rounds' ratios is printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import gymnasium as gym

from builder.composition import build_config
from builder.preparation import Build, prepare
from builder.rollout.worker import ChunkTask, Setup, play_chunk

EXPERTS = ("cartpole", "pendulum")
STEPS = 200_000


def raw_rate(env_id: str, steps: int) -> float:
    """Steps per second of `env.step` alone, resets included."""
    environment = gym.make(env_id, disable_env_checker=True)
    environment.action_space.seed(0)
    actions = [environment.action_space.sample() for _ in range(1000)]
    environment.reset(seed=0)
    began = time.perf_counter()
    for step in range(steps):
        _, _, terminated, truncated, _ = environment.step(actions[step % 1000])
        if terminated or truncated:
            environment.reset()
    return steps / (time.perf_counter() - began)


def build_rate(build: Build, steps: int, folder: Path) -> float:
    """Steps per second of one worker: environments, expert, recording and the chunk's file."""
    setup = Setup(
        identity="benchmark",
        environment=build.environment,
        player=Setup.pack(build.player),
        policy=build.expert.name,
        root_seed=0,
        lanes=build.config.rollout.lanes,
    )
    attempts = max(1, steps // (build.environment.max_episode_steps or 1))
    began = time.perf_counter()
    summary = play_chunk(ChunkTask(setup, 0, attempts, folder / "chunk.safetensors"))
    return int(summary.lengths.sum()) / (time.perf_counter() - began)


def main(arguments: list[str]) -> None:
    """Print one line per expert."""
    options = dict(argument.split("=", 1) for argument in arguments)
    rounds, lanes = int(options.get("rounds", "5")), options.get("lanes", "256")
    experts = options["expert"].split(",") if "expert" in options else EXPERTS
    print(f"{'expert':14}{'raw steps/s':>14}{'build steps/s':>16}{'ratio (median, min to max)':>32}")
    for expert in experts:
        build = prepare(build_config([f"expert={expert}", f"rollout.lanes={lanes}"]))
        with tempfile.TemporaryDirectory() as folder:
            build_rate(build, STEPS // 10, Path(folder))
            pairs = [
                (raw_rate(build.environment.id, STEPS), build_rate(build, STEPS, Path(folder)))
                for _ in range(rounds)
            ]
        ratios = sorted(played / raw for raw, played in pairs)
        raw, played = (statistics.median(column) for column in zip(*pairs, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{expert:14}{raw:>14,.0f}{played:>16,.0f}{spread:>32}")


if __name__ == "__main__":
    main(sys.argv[1:])
