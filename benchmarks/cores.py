"""What a second worker brings: `python -m benchmarks.cores [agents=FOLDER] [expert=cartpole] [rounds=1]`.

Whole builds of two sizes, each in a process of its own; their difference is what counts, so that imports and
start-up fall out. One worker, two threads and two processes are measured in turn. Python holds one lock for
all threads (the GIL): threads help as far as the simulator lets go of it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
        words = [*overrides, f"episodes={episodes}", "threshold=-inf", "expert.check=off", f"out={folder}/x"]
        words += [f"parallel={workers[0]}", f"parallel.n_jobs={workers[1]}"]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "builder", *words], check=True, capture_output=True)  # noqa: S603
        return time.perf_counter() - began


def main(arguments: list[str]) -> None:
    """Print one line per expert."""
    options = dict(argument.split("=", 1) for argument in arguments)
    names = options["expert"].split(",") if "expert" in options else list(SIZES)
    print(f"{'':12}{'episodes':>14}" + "".join(f"{name:>22}" for name in WORKERS))
    for name in names:
        expert, folder, sizes = SIZES[name]
        overrides = [expert]
        if folder and "agents" in options:
            overrides = ["expert=local", f"expert.path='{(Path(options['agents']) / folder).resolve()}'"]
        found: dict[str, list[float]] = {workers: [] for workers in WORKERS}
        for _ in range(int(options.get("rounds", "1"))):
            for label, workers in WORKERS.items():
                small, large = (seconds(overrides, size, workers) for size in sizes)
                found[label].append(large - small)
        medians = {label: statistics.median(times) for label, times in found.items()}
        cells = [f"{taken:.1f} s, {medians['one worker'] / taken:.2f} x" for taken in medians.values()]
        print(
            f"{name:12}{f'{sizes[0]}, {sizes[1]}':>14}" + "".join(f"{cell:>22}" for cell in cells), flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1:])
