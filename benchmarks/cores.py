"""What a second worker brings: `python -m benchmarks cores [agents=FOLDER] [expert=cartpole] [rounds=3]`.

Whole builds of two sizes, each in a process of its own; their difference is what counts, so that imports and
start-up fall out. One worker, two threads and two processes are measured in turn. Python holds one lock for
all threads (the GIL): threads help as far as the simulator lets go of it.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.measuring import Options, build
from benchmarks.report import Section

SIZES: dict[str, tuple[str, str, tuple[int, int]]] = {
    "cartpole": ("expert=cartpole", "", (1000, 5000)),
    "pendulum": ("expert=pendulum", "", (1000, 4000)),
    "lunarlander": ("expert=ppo-lunarlander", "ppo-LunarLander-v2", (128, 1024)),
    "halfcheetah": ("expert=a2c-halfcheetah", "a2c-HalfCheetah-v3", (128, 512)),
    "ant": ("expert=trpo-ant", "trpo-Ant-v3", (128, 256)),
}
"""What is played, its folder among the published agents, and the episodes of the two builds."""
WORKERS = {"one worker": ("threading", 1), "two threads": ("threading", 2), "two processes": ("loky", 2)}


def seconds(overrides: list[str], episodes: int, workers: tuple[str, int]) -> float:
    """What a whole build takes."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*overrides, f"episodes={episodes}", "threshold=-inf"]
        words += [f"parallel={workers[0]}", f"parallel.n_jobs={workers[1]}"]
        return build(Path(folder) / "x", *words).seconds


def sections(options: Options) -> list[Section]:
    """The table."""
    rounds, rows = int(options.get("rounds", "3")), []
    for name in options["expert"].split(",") if "expert" in options else list(SIZES):
        expert, folder, sizes = SIZES[name]
        overrides = [expert]
        if folder and "agents" in options:
            overrides = ["expert=local", f"expert.path='{(Path(options['agents']) / folder).resolve()}'"]
        found: dict[str, list[float]] = {workers: [] for workers in WORKERS}
        for _ in range(rounds):
            for label, workers in WORKERS.items():
                small, large = (seconds(overrides, size, workers) for size in sizes)
                found[label].append(large - small)
        one = found["one worker"]
        cells = [
            f"{statistics.median(times):.1f} s, {_gain(one, times):.2f} times" for times in found.values()
        ]
        goal = "1.7 times" if name == "cartpole" else ""
        rows.append([name, f"{sizes[0]:,} and {sizes[1]:,}", *cells, goal])
        print("  ".join(rows[-1]), flush=True)
    return [
        Section(
            "Cores",
            "How much longer a whole build of the larger number of episodes takes than one of the smaller:"
            " imports and start-up fall out; and how many times as fast that is as one worker. Medians of"
            f" {rounds} rounds, the ratio taken in each.",
            ["", "episodes", *WORKERS, "goal, two processes"],
            rows,
        )
    ]


def _gain(one: list[float], other: list[float]) -> float:
    return statistics.median(mine / theirs for mine, theirs in zip(one, other, strict=True))
