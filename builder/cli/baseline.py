"""The verb `baseline`: what can be learned from a dataset."""

from __future__ import annotations

import signal


def baseline(overrides: list[str]) -> None:
    """Run the verb."""
    from rich.console import Console
    from rich.table import Table

    from builder.baseline.baseline import baseline as learned_from
    from builder.baseline.config import BaselineConfig
    from builder.composition import compose
    from builder.storage.paths import local_path

    signal.signal(signal.SIGTERM, _interrupt)
    config = compose(BaselineConfig, "baseline", overrides)
    out = local_path(config.out, "baseline")
    found = learned_from(config, out)
    learned, console = found.baseline, Console(highlight=False, soft_wrap=True)
    heads = ("demonstrations", "mean return", "95% interval", "score of 100", "each clone")
    table = Table(*heads, box=None, pad_edge=False)
    for point in learned.curve:
        each = ", ".join(f"{run.mean:,.1f}" for run in learned.runs if run.demos == point.demos)
        interval = f"{point.low:,.1f} to {point.high:,.1f}"
        score = _score(learned.score(point.mean))
        table.add_row(f"{point.demos:,}", f"{point.mean:,.1f}", interval, score, each)
    for played in (learned.random, learned.expert):
        if played:
            interval = f"{played.low:,.1f} to {played.high:,.1f}"
            table.add_row(
                played.name, f"{played.mean:,.1f}", interval, _score(learned.score(played.mean)), ""
            )
    console.print(table)
    for note in learned.notes:
        console.print(f"note: {note}", markup=False)
    console.print(
        f"{'trained' if found.fresh else 'known'}: {out / 'baseline.json'}, and on its card", markup=False
    )


def _score(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
