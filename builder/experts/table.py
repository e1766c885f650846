"""The registry as rows of text."""

from __future__ import annotations

from typing import Any

from builder.experts.policy import configured

COLUMNS = ("name", "environment", "algorithm", "source", "threshold", "mean ± std")


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
