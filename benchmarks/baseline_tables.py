"""`BASELINES.md` and the pictures in `docs/baselines/`: what `benchmarks/figures/` says, and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import table
from builder.baseline.baseline import played_as, point_of
from builder.baseline.bootstrap import interquartile_mean, mean_interval, stratified_interval
from builder.card.learning_curve import learning_curve_png
from builder.episodes.spaces import Array
from builder.manifest.baseline import Baseline, Run

TARGET = Path(__file__).with_name("BASELINES.md")
PICTURES = Path(__file__).parents[1] / "docs" / "baselines"
OURS = "il-builder"
LEARNERS = (OURS, "imitation", "d3rlpy")
SEED_PROJECT = {"CartPole": 500, "Acrobot": -74, "MountainCar": -100, "LunarLander": 247}
"""What IL-Datasets publishes of its behavioural cloning, by environment; its experts are others than ours."""
HEAD = """# Baselines

Written by `make baselines` from `benchmarks/figures/`, which has every clone. Mean return of the clones, and
the 95% bootstrap interval of that mean (of the expert and of random actions: of their episodes). A heading
says how many demonstrations each clone has learned from: the same ones for each learner, by seed.
[docs/baseline.md](../docs/baseline.md) has the protocol, the curves, and why a clone falls short.

Ours is `il-builder baseline` with its defaults. The behavioural cloning of imitation and d3rlpy learns from
exports of the very episodes, with its own defaults (imitation: two layers of 32 units with tanh, batches of
32; d3rlpy: two layers of 256, batches of 100) and as many gradient steps as ours, 3,000; three clones of each
play here, by the same protocol. *IL-Datasets, published* is what the seed project says of its own cloning,
of other experts and by another protocol: no measurement of ours.
"""

ACROSS = """Scores, where random actions are 0 and the expert is 100, of all clones of a column: their
interquartile mean, and its 95% interval by a bootstrap that is stratified by environment (Agarwal et al.
2021, arXiv:2108.13264).
"""


def found_in(folder: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What has been measured, by environment, in the order of the names."""
    paths = {name: folder / f"{name}.json" for name in names}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def write(folder: Path, names: Sequence[str], target: Path = TARGET, pictures: Path = PICTURES) -> None:
    """Write the tables, and a learning curve of each environment where our clones have one.

    Args:
        folder: of the figures.
        names: of the environments.
        target: the file with the tables.
        pictures: the folder of the curves.
    """
    figures = found_in(folder, names)
    target.write_text(text_of(figures), encoding="utf-8")
    pictures.mkdir(exist_ok=True)
    for name, found in figures.items():
        if demos_of(found, OURS):
            (pictures / f"{name.lower()}.png").write_bytes(learning_curve_png(baseline_of(found)))


def text_of(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole file."""
    parts = [HEAD, "## Returns\n", returns(figures), "## Across environments\n"]
    parts += [
        ACROSS,
        across(figures),
        "## Measured with\n",
        measured_with(figures),
    ]
    return "\n".join(parts)


def columns(figures: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Learner and demonstrations of each column."""
    return [
        (learner, demos)
        for learner in LEARNERS
        for demos in sorted({demos for found in figures.values() for demos in demos_of(found, learner)})
    ]


def demos_of(found: Mapping[str, Any], learner: str) -> list[int]:
    """From how many demonstrations clones of a learner have learned."""
    return sorted({int(key.split("/")[1]) for key in found["clones"] if key.startswith(f"{learner}/")})


def means(found: Mapping[str, Any], learner: str, demos: int) -> Array:
    """float64 [clones]: their mean returns, by seed."""
    start = f"{learner}/{demos}/"
    kept = {int(key[len(start) :]): mean for key, mean in found["clones"].items() if key.startswith(start)}
    return np.array([kept[seed] for seed in sorted(kept)])


def returns(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each environment."""
    heads = ["", "our clones × episodes", "random", "expert"]
    heads += [f"{learner}, {demos}" for learner, demos in columns(figures)]
    rows = []
    for name, found in figures.items():
        clones = max((len(means(found, OURS, demos)) for demos in demos_of(found, OURS)), default=0)
        cells = [name, f"{clones} × {found['about']['episodes']}"]
        cells += [cell(np.array(found[who])) for who in ("random", "expert")]
        cells += [cell(means(found, learner, demos)) for learner, demos in columns(figures)]
        rows.append([*cells, f"{SEED_PROJECT[name]}" if name in SEED_PROJECT else ""])
    return table([*heads, "IL-Datasets, published"], rows)


def cell(values: Array) -> str:
    """A mean with its interval; nothing of nothing."""
    if not len(values):
        return ""
    mean, low, high = math.fsum(values) / len(values), *mean_interval(values)
    digits = 0 if max(abs(low), abs(high)) >= 1000 else 1
    return f"{mean:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]"


def across(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The interquartile mean of normalised scores over all environments, with its interval."""
    rows = []
    for learner, demos in columns(figures):
        groups = [
            group for found in figures.values() if len(group := scores(found, means(found, learner, demos)))
        ]
        middle, (low, high) = interquartile_mean(np.concatenate(groups)), stratified_interval(groups)
        clones = sum(len(group) for group in groups)
        rows.append(
            [
                f"{learner}, {demos}",
                f"{middle:.1f} [{low:.1f}, {high:.1f}]",
                f"{clones} in {len(groups)} environments",
            ]
        )
    return table(["", "interquartile mean", "clones"], rows)


def scores(found: Mapping[str, Any], returns: Array) -> Array:
    """Returns on the scale from random actions, 0, to the expert, 100."""
    low, high = np.mean(found["random"]), np.mean(found["expert"])
    scaled: Array = 100 * (returns - low) / (high - low)
    return scaled


def measured_with(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each set of versions, with the environments that were measured with it."""
    lines: dict[str, list[str]] = {}
    for name, found in figures.items():
        for learner in (learner for learner in LEARNERS if learner in found["versions"]):
            versions = ", ".join(f"{package} {text}" for package, text in found["versions"][learner].items())
            lines.setdefault(f"{learner}: {versions}", []).append(name)
    return "".join(f"* {line} ({', '.join(names)})\n" for line, names in lines.items())


def baseline_of(found: Mapping[str, Any]) -> Baseline:
    """Our clones as the card draws them; how far apart a clone's own episodes are is not kept."""
    demos = demos_of(found, OURS)
    runs = tuple(
        Run(count, seed, float(mean), math.nan)
        for count in demos
        for seed, mean in enumerate(means(found, OURS, count))
    )
    return Baseline(
        dataset=found["about"]["dataset"],
        algo="bc",
        train=found["about"]["train"],
        split="train",
        episodes=found["about"]["episodes"],
        seed=found["about"]["seed"],
        random=played_as("random", np.array(found["random"])),
        expert=played_as("expert", np.array(found["expert"])),
        runs=runs,
        curve=tuple(point_of(count, runs) for count in demos),
        notes=(),
        packages=found["versions"][OURS],
    )
