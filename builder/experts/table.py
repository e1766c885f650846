"""The registry as rows of text."""

from __future__ import annotations

import re
from typing import Any

from builder.errors import ConfigError, suggest
from builder.experts.policy import configured

COLUMNS = ("name", "environment", "level", "algorithm", "source", "threshold", "mean ± std")
WIDE = 160
"""Columns of a terminal that all of the table needs."""
LEFT_OUT = ("algorithm", "source")
"""What is left out on a narrower one; `experts name=` shows it."""
VERSION = re.compile(r"(NoFrameskip)?-v\d+$")


def rows(env_id: str | None = None) -> list[tuple[str, ...]]:
    """One row per expert that names its environment, under `COLUMNS`.

    Args:
        env_id: only those that play this environment, the best first: those trained on this very version,
            then those of others; None: all, by name.

    Raises:
        ConfigError: none plays it.
    """
    known = configured()
    if env_id is None:
        return [_row(name, expert) for name, expert in known.items()]
    wanted = VERSION.sub("", env_id).rpartition("/")[2].lower()
    found = {name: expert for name, expert in known.items() if _game(expert) == wanted}
    if not found:
        every = sorted({str(expert["env_id"]) for expert in known.values()})
        raise ConfigError(f"no expert that has a name plays {env_id}", remedy=suggest(env_id, every))
    ranked = sorted(found, key=lambda name: (found[name]["env_id"] != env_id, *_rank(found[name]), name))
    return [_row(name, found[name]) for name in ranked]


def best(env_id: str) -> str:
    """The best expert that has a name and was trained on just this environment; of equals one that is here.

    Raises:
        ConfigError: there is none.
    """
    from builder.experts.sources.table import described_source  # which the table itself has no use for

    known = {name: expert for name, expert in configured().items() if expert["env_id"] == env_id}
    if not known:
        raise ConfigError(
            f"no expert that has a name was trained on {env_id}",
            remedy="give expert=, or expert=hub expert.repo_id=",
        )
    return min(known, key=lambda name: (*_rank(known[name]), not described_source(known[name]).here, name))


def _game(expert: dict[str, Any]) -> str:
    """The environment without its version."""
    return VERSION.sub("", str(expert["env_id"])).rpartition("/")[2].lower()


def _rank(expert: dict[str, Any]) -> tuple[int, float]:
    """The lower, the better: by published return, else by what its publisher calls it."""
    levels = ("expert", "medium", "simple")
    level = expert.get("level")
    mean = expert.get("mean_return")
    return levels.index(level) if level in levels else 0, -mean if mean is not None else float("inf")


def _row(name: str, expert: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        str(expert["env_id"]),
        str(expert.get("level") or ""),
        str(expert.get("algo") or ""),
        str(expert.get("repo_id") or expert["source"]),
        f"{expert['threshold']:g}" if "threshold" in expert else "",
        _return(expert),
    )


def _return(expert: dict[str, Any]) -> str:
    mean, std = expert.get("mean_return"), expert.get("std_return")
    return "" if mean is None else f"{mean:.1f} ± {std or 0:.1f}"
