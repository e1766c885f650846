"""Peers: from the same agent to a finished dataset on disk, in one run.

CartPole, the bundled PPO agent, which plays 500 steps an episode. Ours is a whole command, with Python's
start, imports, checks, recording, Parquet, card and manifest. The peers' clocks run from after their imports
and the agent's loading to the end of their writing, and their torch has one thread, which is faster here:
both favour them. IL-Datasets is there as it is installed, and *helped*: with one thread for each worker's
torch, and as many workers as were asked for, where it takes one less than there are processors. A peer is
measured where its virtual environment is in the folder `peers=` (`make peers` makes them in `.peers`); the
others are named with their `pip install`. Seconds of the wall mean little on a busy machine: those of the
processors (CPU) are there too.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import ARCHIVE, Options
from benchmarks.report import Section
from benchmarks.rollout import sampled_rate

ROOT = Path(__file__).parents[1]
PEERS = ".peers"
OUR_EPISODES = 5000
LENGTH = 500


@dataclass(frozen=True)
class Peer:
    """What is compared.

    Attributes:
        label: in the table.
        script: in `peer_scripts/`.
        home: the name of its virtual environment; empty: ours.
        install: what `pip install` takes.
        episodes: how many are played a round, so that it takes some ten seconds.
        extra: further arguments of the script.
        goal: how many times as fast ours shall be; 0: none.
        threads: of its torch; None: as many as it takes by itself.
    """

    label: str
    script: str
    home: str
    install: str
    episodes: int
    extra: tuple[str, ...] = ()
    goal: int = 0
    threads: int | None = 1


SEED = "il-datasets==1.0.0"
FOUND = (
    Peer("`model.predict` in a loop", "predict_loop", "", "", 100),
    Peer("imitation, 1 environment", "imitation_rollout", "imitation", "imitation", 100, ("1",)),
    Peer("imitation, 8 environments", "imitation_rollout", "imitation", "imitation", 400, ("8",), 5),
    Peer(
        "Minari, DataCollector",
        "minari_collector",
        "minari",
        '"minari[hdf5,create]" pillow stable-baselines3',
        100,
        (),
        15,
    ),
    Peer("IL-Datasets, 2 workers", "seed_project", "il-datasets", SEED, 100, ("2",), 60, threads=None),
    Peer("IL-Datasets, 2 workers, helped", "seed_project", "il-datasets", SEED, 100, ("2", "helped")),
)


@dataclass
class Measured:
    """Steps per second and per second of a processor, round by round."""

    label: str
    goal: int = 0
    rates: list[tuple[float, float]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


def python_of(home: str, options: Options) -> Path | None:
    """The interpreter of a peer's environment, if it is there; ours without a name."""
    if not home:
        return Path(sys.executable)
    path = Path(options.get("peers", PEERS)).absolute() / home / "bin" / "python"
    return path if path.exists() else None


def script(
    python: Path, name: str, *arguments: str, threads: int | None = 1, **options: Any
) -> dict[str, Any]:
    """What a script of `peer_scripts/` answers under an interpreter."""
    limit = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    environment = {"PYTHONPATH": str(ROOT), **limit, **options.get("environment", {})}
    return measuring.run([python, "-m", f"benchmarks.peer_scripts.{name}", *arguments], environment).answer


def missing(options: Options) -> Iterator[str]:
    """For each peer that is not installed, how to install it."""
    folder = options.get("peers", PEERS)
    lines = {
        peer.home: f"`python -m venv {folder}/{peer.home} &&"
        f" {folder}/{peer.home}/bin/pip install {peer.install}`"
        for peer in FOUND
        if python_of(peer.home, options) is None
    }
    return (f"{home} is not installed and left out; {line}" for home, line in lines.items())


def ours(*overrides: str) -> Callable[[], tuple[float, float]]:
    """A whole build."""

    def rate() -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            words = ["expert=cartpole", f"episodes={OUR_EPISODES}", *overrides]
            done = measuring.build(Path(folder) / "x", *words)
        return OUR_EPISODES * LENGTH / done.seconds, OUR_EPISODES * LENGTH / done.cpu

    return rate


def theirs(peer: Peer, python: Path, measured: Measured) -> Callable[[], tuple[float, float]]:
    """A peer's script."""

    def rate() -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            arguments = (str(ARCHIVE), folder, str(peer.episodes), *peer.extra)
            answer = script(python, peer.script, *arguments, threads=peer.threads)
        measured.versions.update(answer["versions"])
        return answer["steps"] / answer["seconds"], answer["steps"] / answer["cpu"]

    return rate


def raw() -> tuple[float, float]:
    """The loop that no recorder can beat."""
    return sampled_rate("CartPole-v1", {}, 200_000), sampled_rate(
        "CartPole-v1", {}, 200_000, clock=time.process_time
    )


def contest(options: Options) -> list[Measured]:
    """All rates, measured in turn, round by round."""
    runs: list[tuple[Measured, Callable[[], tuple[float, float]]]] = [
        (Measured("raw `gymnasium` loop, nothing kept"), raw),
        (Measured("**il-builder**, one worker"), ours()),
        (
            Measured("**il-builder**, `parallel=loky parallel.n_jobs=2`"),
            ours("parallel=loky", "parallel.n_jobs=2"),
        ),
    ]
    for peer in FOUND:
        if python := python_of(peer.home, options):
            measured = Measured(peer.label, peer.goal)
            runs.append((measured, theirs(peer, python, measured)))
    for number in range(int(options.get("rounds", "3"))):
        for measured, rate in runs:
            measured.rates.append(rate())
            wall, cpu = measured.rates[-1]
            print(
                f"round {number + 1}: {measured.label}: {wall:,.0f} steps/s, {cpu:,.0f} per CPU second",
                flush=True,
            )
    return [measured for measured, _ in runs]


def sections(options: Options) -> list[Section]:
    """The table."""
    measured = contest(options)
    one, two = measured[1].rates, measured[2].rates
    rows = []
    for found in measured:
        wall, cpu = (statistics.median(column) for column in zip(*found.rates, strict=True))
        ratios = [ratio(one, found.rates, 0), ratio(two, found.rates, 0), ratio(one, found.rates, 1)]
        figures = [
            f"{wall:,.0f}",
            *(f"{value:.1f}" for value in ratios[:2]),
            f"{cpu:,.0f}",
            f"{ratios[2]:.1f}",
        ]
        rows.append([found.label, *figures, f"{found.goal}" if found.goal else ""])
    versions = {f"{peer.label.split(',')[0]}'s environment": text for peer, text in _versions(measured)}
    return [
        Section(
            "Peers",
            f"{__doc__}\nMedians of {len(one)} round(s), in which all were measured in turn; ours played"
            f" {OUR_EPISODES:,} episodes each time. *ours / theirs*: the median of the rounds' ratios.",
            [
                "CartPole",
                "steps/s",
                "one worker / it",
                "two processes / it",
                "steps per CPU second",
                "one worker / it",
                "goal",
            ],
            rows,
            [*missing(options), *(f"{name}: {text}" for name, text in versions.items())],
        )
    ]


def ratio(ours: list[tuple[float, float]], theirs: list[tuple[float, float]], kind: int) -> float:
    """The median of the rounds' ratios, of the wall's (0) or the processors' (1) seconds."""
    return statistics.median(mine[kind] / their[kind] for mine, their in zip(ours, theirs, strict=True))


def _versions(measured: list[Measured]) -> Iterator[tuple[Peer, str]]:
    labels = {peer.label: peer for peer in FOUND if peer.home}
    for found in measured:
        if peer := labels.get(found.label):
            yield peer, ", ".join(f"{name} {number}" for name, number in found.versions.items())
