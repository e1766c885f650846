"""What is published of an expert: its mean return, against which a build is checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import ArchiveError
from builder.storage.limits import NOTE_BYTES
from builder.storage.plain_json import read_json

RESULT_FILES = ("results.json", "published.json")
"""As the Hub's repositories of SB3 have it, and beside a local archive."""
TOLERANCE = 0.06
"""Share of the published mean that other versions of physics engines and evaluation protocols may cost."""
DEVIATIONS = 4.0
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Published:
    """A published return.

    Attributes:
        mean: over its episodes.
        std: over its episodes.
        deterministic: whether its episodes were played without sampling; None where nothing says.
    """

    mean: float
    std: float
    deterministic: bool | None = None

    @property
    def is_possible(self) -> bool:
        """Whether both are numbers that a return can have."""
        return math.isfinite(self.mean) and 0 <= self.std < math.inf

    def least_mean(self, std: float, episodes: int) -> float:
        """The least mean return of so many episodes that still agrees: mean - 4 * sd / sqrt(n) - 6%."""
        spread = DEVIATIONS * max(self.std, std) / math.sqrt(episodes)
        return self.mean - spread - TOLERANCE * abs(self.mean)


@dataclass(frozen=True)
class Evidence:
    """Where a published return stands.

    Attributes:
        where: the file.
        episodes: over how many it was measured; None: nothing says.
    """

    where: str
    episodes: int | None = None

    def __str__(self) -> str:
        return f"{self.where}, over {self.episodes:,} episodes" if self.episodes else self.where


def evidence_in(folder: Path) -> Evidence | None:
    """Where the published return beside an archive stands, once `read_published` has read it."""
    for name in RESULT_FILES:
        if (folder / name).is_file():
            episodes = read_json(folder / name, NOTE_BYTES).get("n_eval_episodes")
            return Evidence(f"{name} beside it", episodes if type(episodes) is int and episodes > 0 else None)
    return None


def read_published(folder: Path) -> Published | None:
    """The published return in the files beside an archive.

    Raises:
        ArchiveError: there is such a file, and it is damaged.
    """
    for name in RESULT_FILES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            return _published(read_json(path, NOTE_BYTES))
        except (*_DAMAGED, OSError) as error:
            raise ArchiveError(f"{name} beside the expert is damaged: {str(error)[:100]}") from error
    return None


def _published(content: Any) -> Published:
    mean = content["mean_reward"] if "mean_reward" in content else content["mean_return"]
    std = content.get("std_reward", content.get("std_return", 0.0))
    deterministic = content.get("is_deterministic")
    published = Published(float(mean), float(std), deterministic if type(deterministic) is bool else None)
    if not published.is_possible:
        raise ValueError(f"a return of {published.mean} ± {published.std}")
    return published
