"""Reading: shuffled epochs over 5 million steps as torch batches of 256, and episodes at random.

Ours is `load(folder).batches(256, seed=...)`. *Open* is from the files on disk to the first batch, or to what
a `DataLoader` can be given; an epoch is the one after that. Readers that are too slow for a whole epoch are
stopped after some batches, and the epoch is computed from those. Ours gives all columns, the peers theirs.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from benchmarks.measuring import Options
from benchmarks.peers import missing, python_of, script
from benchmarks.report import Section

EPISODES = 10_000


@dataclass(frozen=True)
class Reader:
    """What reads.

    Attributes:
        label: in the table.
        script: in `peer_scripts/`.
        home: whose environment; empty: ours.
        which: of the script's readers.
    """

    label: str
    script: str
    home: str = ""
    which: str = ""


READERS = (
    Reader("**il-builder**, `batches(256, seed=...)`", "our_reading", which="ours"),
    Reader("**il-builder**, the same with `memory=100 MiB`", "our_reading", which="streamed"),
    Reader(
        "**il-builder**, `window=20`: 256 sequences a batch, as many steps", "our_reading", which="windows"
    ),
    Reader("**il-builder**, `n_step=3`", "our_reading", which="n-step"),
    Reader("torch: tensors in memory, whole batches indexed", "our_reading", which="torch-batches"),
    Reader("torch: `TensorDataset`, `DataLoader(shuffle=True)`", "our_reading", which="torch"),
    Reader("`datasets`: `with_format('torch')`, `DataLoader`", "our_reading", which="datasets"),
    Reader("imitation: the loader of its BC", "imitation_reading", "imitation"),
    Reader("Minari: episodes joined, `TensorDataset`, `DataLoader`", "minari_reading", "minari"),
)


def for_the_peers(dataset: Path, target: Path) -> None:
    """Write the episodes as plain arrays."""
    from builder import load

    opened = load(dataset)
    arrays = opened.arrays()
    finals = np.array(opened.episode_table.data.table["final_observation"].to_pylist(), np.float32)
    np.savez(
        target,
        observations=arrays["observation"],
        actions=arrays["action"],
        rewards=arrays["reward"],
        lengths=opened.episode_table.data.table["length"].to_numpy(),
        finals=finals,
    )


def measure(reader: Reader, options: Options, dataset: Path, episodes: Path) -> dict[str, Any] | None:
    """Its figures; None where it is not installed."""
    python = python_of(reader.home, options)
    if python is None:
        return None
    with tempfile.TemporaryDirectory(dir=options.get("folder")) as folder:
        arguments = [str(episodes), folder] if reader.home else [str(dataset), reader.which]
        return script(python, reader.script, *arguments, environment={"HF_DATASETS_CACHE": folder})


def sections(options: Options) -> list[Section]:
    """The table."""
    rounds, found = int(options.get("rounds", "3")), dict[str, list[dict[str, Any]]]()
    with tempfile.TemporaryDirectory(dir=options.get("folder")) as temporary:
        dataset, episodes = Path(options.get("dataset", f"{temporary}/x")), Path(temporary) / "episodes.npz"
        if "dataset" not in options:
            measuring.build(dataset, "expert=cartpole", f"episodes={EPISODES}", "keep_chunks=false")
        for_the_peers(dataset, episodes)
        for _ in range(rounds):
            for reader in READERS:
                if answer := measure(reader, options, dataset, episodes):
                    found.setdefault(reader.label, []).append(answer)
                    print(f"{reader.label}: {answer}", flush=True)
    rows = [[label, *cells(answers, found[READERS[0].label])] for label, answers in found.items()]
    versions = [
        f"{label.partition(':')[0]}'s environment: {_versions(answers[0])}"
        for label, answers in found.items()
        if any(reader.label == label and reader.home for reader in READERS)
    ]
    return [
        Section(
            "Reading",
            f"{__doc__.partition('.')[2] if __doc__ else ''}\nMedians of {rounds} rounds.",
            [
                "5,000,000 steps",
                "open, s",
                "epoch, s",
                "steps/s",
                "it / ours",
                "epoch, CPU s",
                "it / ours",
                "episodes/s at random",
            ],
            rows,
            [*missing(options), *versions],
        )
    ]


def cells(answers: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[str]:
    """The figures of one reader."""
    opened, epoch, cpu = (
        statistics.median(answer[key] for answer in answers)
        for key in ("opened", "epoch_seconds", "epoch_cpu")
    )
    ratios = [
        statistics.median(their[key] / mine[key] for their, mine in zip(answers, ours, strict=True))
        for key in ("epoch_seconds", "epoch_cpu")
    ]
    access = [answer["access"] for answer in answers if "access" in answer]
    rows = EPISODES * 500
    return [
        f"{opened:.1f}",
        f"{epoch:.1f}",
        f"{rows / epoch:,.0f}",
        f"{ratios[0]:.1f}",
        f"{cpu:.1f}",
        f"{ratios[1]:.1f}",
        f"{statistics.median(access):,.0f}" if access else "",
    ]


def _versions(answer: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in answer["versions"].items())
