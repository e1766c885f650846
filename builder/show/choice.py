"""Which episode is shown: one by its number, or the best, the median, the worst, the longest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ConfigError, DatasetError
from builder.manifest.manifest import Manifest
from builder.replay.recorded import RecordedSplit


@dataclass(frozen=True)
class Place:
    """Where an episode stands.

    Attributes:
        split: its split.
        position: its row in the split's table of episodes.
        index: its `episode_index`.
        length: its steps.
        total: its return; NaN: the source of an imported dataset does not say.
    """

    split: str
    position: int
    index: int
    length: int
    total: float


def _median(returns: Array) -> int:
    """The lower one of the two in the middle, so that it is an episode that there is."""
    return int(np.argsort(returns, kind="stable")[(len(returns) - 1) // 2])


BY_RETURN: dict[str, Callable[[Array], int]] = {
    "best": lambda returns: int(np.argmax(returns)),
    "median": _median,
    "worst": lambda returns: int(np.argmin(returns)),
}
"""Which of some returns is meant; of several alike the first."""
WORDS = (*BY_RETURN, "longest")


def places(folder: Path, manifest: Manifest, split: str | None = None) -> list[Place]:
    """All episodes, train first.

    Raises:
        ConfigError: there is no such split.
        DatasetError: the files are damaged, or hold no episodes of ours.
    """
    names = sorted(manifest.splits, key=lambda name: (name != "train", name))
    if not names:
        raise DatasetError(f"{folder} holds no episodes that il-builder has recorded")
    if split is not None and split not in names:
        raise ConfigError(f"{folder} has no split {split!r}", expected=" or ".join(names))
    found = []
    for name in names if split is None else [split]:
        table = RecordedSplit(folder, manifest, name).episodes
        indices, lengths = (table[column].to_pylist() for column in ("episode_index", "length"))
        unknown = [np.nan] * len(indices)
        returns = unknown
        if "episode_return" in table.column_names:  # in a merged dataset it may be null
            returns = table["episode_return"].to_numpy().tolist()
        found += [
            Place(name, position, *row)
            for position, row in enumerate(zip(indices, lengths, returns, strict=True))
        ]
    return found


def choose(known: list[Place], wanted: int | str) -> Place:
    """The episode that is meant.

    Args:
        known: all of them.
        wanted: its `episode_index`, or one of `WORDS`.

    Raises:
        ConfigError: there is none.
    """
    if isinstance(wanted, int):
        found = [place for place in known if place.index == wanted]
        if not found:
            last = max(place.index for place in known)
            raise ConfigError(f"there is no episode {wanted}", expected=f"0 to {last}, or {_words()}")
        return found[0]
    if wanted == "longest":
        return max(known, key=lambda place: place.length)
    if wanted not in BY_RETURN:
        raise ConfigError("episode is unknown", expected=f"a number, or {_words()}", got=repr(wanted)[:80])
    rated = [place for place in known if not np.isnan(place.total)]
    if not rated:
        raise ConfigError(
            f"no return says which episode is the {wanted}", remedy="give episode=NUMBER or episode=longest"
        )
    return rated[BY_RETURN[wanted](np.array([place.total for place in rated]))]


def _words() -> str:
    return " or ".join(WORDS)
