"""Memory: the most that a build holds, by the number of episodes (CartPole, 500 steps each, one worker)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import measuring
from benchmarks.measuring import Options
from benchmarks.report import Section

EPISODES = (500, 10_000, 100_000)


def sections(options: Options) -> list[Section]:
    """The table; the largest build takes some gigabytes of disk and the longest."""
    wanted = [int(count) for count in options.get("episodes", ",".join(map(str, EPISODES))).split(",")]
    rows, peaks = [], {}
    for count in wanted:
        with tempfile.TemporaryDirectory(dir=options.get("folder")) as folder:
            done = measuring.build(Path(folder) / "x", "expert=cartpole", f"episodes={count}")
            size = sum(path.stat().st_size for path in (Path(folder) / "x").rglob("*") if path.is_file())
        peaks[count] = done.peak
        first = peaks[wanted[0]]
        rate = count * 500 / done.seconds
        rows.append(
            [
                f"{count:,}",
                f"{count * 500:,}",
                f"{done.peak / 1e6:,.0f}",
                f"{(done.peak - first) / 1e6:+,.0f}",
                f"{size / 1e6:,.0f}",
                f"{done.seconds:,.0f}",
                f"{rate:,.0f}",
            ]
        )
        print(" ".join(rows[-1]), flush=True)
    notes = []
    if {10_000, 100_000} <= peaks.keys():
        growth = (peaks[100_000] - peaks[10_000]) / 1e6
        notes.append(f"100,000 episodes hold {growth:+,.0f} MB beside 10,000; the goal is within 100 MB.")
    if {500, 10_000} <= peaks.keys():
        growth = (peaks[10_000] - peaks[500]) / 1e6
        notes.append(f"10,000 episodes hold {growth:+,.0f} MB beside 500; the goal is at most 300 MB.")
    return [
        Section(
            "Memory",
            "The most that one process holds (peak resident memory, as the kernel counts it) in whole builds:"
            " play, collation, card, checks.",
            ["episodes", "steps", "peak, MB", "to the first", "dataset, MB", "seconds", "steps/s"],
            rows,
            notes,
        )
    ]
