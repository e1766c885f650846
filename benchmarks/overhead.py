"""Overhead: what a small build and a question cost, imports included; medians of whole commands."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import measuring
from benchmarks.measuring import Options
from benchmarks.report import Section


def command(*words: str) -> measuring.Run:
    """A command of `il-builder`."""
    return measuring.run([sys.executable, "-m", "builder", *words])


def sections(options: Options) -> list[Section]:
    """The table."""
    rounds = int(options.get("rounds", "5"))
    found: dict[str, list[measuring.Run]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            small = ["expert=cartpole", "episodes=10", f"out={Path(folder) / 'x'}"]
            found.setdefault("`il-builder expert=cartpole episodes=10`", []).append(command(*small))
            found.setdefault("the same again: up to date", []).append(command(*small))
        found.setdefault("`il-builder --help`", []).append(command("--help"))
        found.setdefault("`python -c 'import torch'`", []).append(
            measuring.run([sys.executable, "-c", "import torch"])
        )
    goals = {"`il-builder expert=cartpole episodes=10`": "6", "`il-builder --help`": "1"}
    rows = [
        [
            name,
            f"{statistics.median(run.seconds for run in runs):.2f}",
            f"{min(run.seconds for run in runs):.2f}",
            f"{statistics.median(run.cpu for run in runs):.2f}",
            goals.get(name, ""),
        ]
        for name, runs in found.items()
    ]
    return [
        Section(
            "Overhead",
            f"Whole commands, Python's start and imports included; {rounds} rounds.",
            ["command", "median, s", "least, s", "CPU, s", "goal: under"],
            rows,
        )
    ]
