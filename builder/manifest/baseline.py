"""`baseline.json`: what was learned from a dataset, and how well that plays; no manifest lists it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import DatasetError, storage_error
from builder.manifest.identity import sha256_of
from builder.manifest.manifest import BASELINE
from builder.manifest.schema import violations
from builder.manifest.scores import ReferenceScores, normalized
from builder.storage.limits import NOTE_BYTES
from builder.storage.paths import write_whole
from builder.storage.plain_json import parse_json, read_bounded
from builder.storage.tree import inside, is_link

MOST_RUNS = 1_000
"""Clones of a baseline."""
OTHER = "its sha256 is not that of its content, or it is written otherwise"


@dataclass(frozen=True)
class Run:
    """One clone.

    Attributes:
        demos: episodes that it has learned from.
        seed: of their draw, of its first weights and of the order of its batches.
        mean: of the returns of the episodes that it has played.
        std: of these.
    """

    demos: int
    seed: int
    mean: float
    std: float


@dataclass(frozen=True)
class Point:
    """What so many demonstrations come to.

    Attributes:
        demos: how many.
        mean: of the clones' mean returns.
        low: where the bootstrap interval of that mean begins.
        high: where it ends.
    """

    demos: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Played:
    """How somebody plays that the clones are held against.

    Attributes:
        name: who.
        mean: of the returns of the episodes that it has played.
        std: of these.
        low: where the bootstrap interval of that mean begins.
        high: where it ends.
    """

    name: str
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Baseline:
    """A learning curve, and how it came about.

    Attributes:
        dataset: the fingerprint of the dataset that was learned from.
        algo: what was trained.
        train: how: steps, batch_size, learning_rate, hidden.
        split: whose episodes the demonstrations were drawn from.
        episodes: that each clone, the expert and random actions have played.
        seed: the root of the seeds of these; no episode of the dataset has one of them.
        random: who samples the action space.
        expert: who played the dataset, unselected and undisturbed; None: it cannot play here.
        runs: the clones, in the order of their demonstrations and seeds.
        curve: one point for each number of demonstrations.
        notes: what a reader should know.
        packages: the versions of what has trained and played.
        picture: the sha256 of the learning curve that lies beside the card; empty: it is not drawn yet.
    """

    dataset: str
    algo: str
    train: Mapping[str, Any]
    split: str
    episodes: int
    seed: int
    random: Played
    expert: Played | None
    runs: tuple[Run, ...]
    curve: tuple[Point, ...]
    notes: tuple[str, ...]
    packages: Mapping[str, str]
    picture: str = ""

    @property
    def scores(self) -> ReferenceScores | None:
        """Between which returns are normalised; None: the expert is not known, or no better than random."""
        if self.expert is None:
            return None
        return ReferenceScores.stated(self.random.mean, self.expert.mean, "played under the same protocol")

    def score(self, mean: float) -> float | None:
        """A return where random actions reach 0 and the expert 1; None: there is no such scale."""
        scores = self.scores
        return None if scores is None else normalized(mean, scores)

    @property
    def content(self) -> dict[str, Any]:
        """As JSON, without the checksum; each mean with its score, where there is one."""
        content: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), allow_nan=False))
        for entry in (*content["curve"], *content["runs"]):
            if (score := self.score(entry["mean"])) is not None:
                entry["score"] = score
        return {name: value for name, value in content.items() if value is not None}


def write_baseline(folder: Path, baseline: Baseline) -> None:
    """Write a dataset folder's note.

    Raises:
        DatasetError: a return is none that JSON can hold.
        StorageError: it cannot be written.
    """
    target = folder / BASELINE
    try:
        text = baseline_text(baseline)
    except ValueError as error:
        raise DatasetError(f"the returns of {folder} make no baseline: {error}") from error
    try:
        write_whole(target, text)
    except OSError as error:
        raise storage_error(error, target) from error


def baseline_text(baseline: Baseline) -> str:
    """A note as its file holds it; there is only one way to write it."""
    content = baseline.content
    return json.dumps({**content, "sha256": sha256_of(content)}, indent=1, sort_keys=True) + "\n"


def read_baseline(folder: Path) -> Baseline | None:
    """A dataset folder's note; None: there is none.

    Raises:
        DatasetError: it is damaged.
    """
    path = folder / BASELINE
    if not (is_link(path) or path.exists()):
        return None
    try:
        text = read_bounded(inside(folder, BASELINE), NOTE_BYTES)
        content = parse_json(text)
        wrong = next(violations("baseline", content), None)
    except (OSError, ValueError) as error:
        wrong, text, content = str(error), b"", {}
    found = None if wrong else _baseline(content)
    if found is None or baseline_text(found).encode() != text:
        raise DatasetError(
            f"{path} is not what il-builder baseline has written: {wrong or OTHER}",
            remedy="remove it; il-builder baseline trains again",
        )
    return found


def _baseline(content: Mapping[str, Any]) -> Baseline:
    """The note that a file's content is, once it has passed its schema."""
    stated = {name: value for name, value in content.items() if name != "sha256"}
    kinds: dict[str, Any] = {"runs": Run, "curve": Point}
    several = {
        name: tuple(
            kind(**{key: value for key, value in entry.items() if key != "score"}) for entry in stated[name]
        )
        for name, kind in kinds.items()
    }
    played = {name: Played(**stated[name]) if name in stated else None for name in ("random", "expert")}
    return Baseline(**{**stated, **several, **played, "notes": tuple(stated["notes"])})
