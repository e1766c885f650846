"""The registry as rows of text."""

from __future__ import annotations

from typing import Any

from builder.experts.policy import configured

COLUMNS = ("name", "environment", "algorithm", "source", "threshold", "mean ± std")
WIDE = 150
"""Columns of a terminal that all of the table needs."""
LEFT_OUT = ("algorithm", "source")
"""What is left out on a narrower one; `experts name=` shows it."""


def rows() -> list[tuple[str, ...]]:
    """One row per expert that names its environment, sorted by name, under `COLUMNS`."""
    return [
        (
            name,
            str(expert["env_id"]),
            str(expert.get("algo") or ""),
            str(expert.get("repo_id") or expert["source"]),
            f"{expert['threshold']:g}" if "threshold" in expert else "",
            _return(expert),
        )
        for name, expert in configured().items()
    ]


def _return(expert: dict[str, Any]) -> str:
    mean, std = expert.get("mean_return"), expert.get("std_return")
    return "" if mean is None else f"{mean:.1f} ± {std or 0:.1f}"
