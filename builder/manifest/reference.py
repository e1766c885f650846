"""The reference scores of an environment: published ones, or those that were measured on this machine.

An environment is described as a manifest describes it. Scores are of that version, with these arguments,
wrappers and time limit, and of no other: the returns of `HalfCheetah-v2` and `HalfCheetah-v5` differ.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from builder.errors import DatasetError, StorageError
from builder.manifest.environment import RENDER_MODE
from builder.manifest.identity import canonical
from builder.manifest.manifest import Manifest
from builder.manifest.schema import violations
from builder.manifest.scores import ReferenceScores
from builder.storage.limits import NOTE_BYTES
from builder.storage.lock import locked_in_turn
from builder.storage.paths import expanded, write_whole
from builder.storage.plain_json import read_json

PUBLISHED = Path(__file__).with_name("references.csv")
VARIABLE = "IL_BUILDER_REFERENCES"
"""Environment variable: the file of what was measured, unless it is the user's own."""
SCALED = ("id", "kwargs", "max_episode_steps", "preprocessing", "wrappers")
"""What of an environment's description decides its returns."""


@dataclass(frozen=True)
class Measured:
    """Scores that were measured, and how.

    Attributes:
        environment: as a manifest describes it.
        scores: what was measured.
        expert: the identity of the expert, as a manifest has it.
        episodes: of each policy; all count.
        seed: the root of their seeds.
        deterministic: whether the expert played its best actions, rather than samples of its distribution.
        packages: the versions of what played.
    """

    environment: Mapping[str, Any]
    scores: ReferenceScores
    expert: Mapping[str, Any]
    episodes: int
    seed: int
    deterministic: bool
    packages: Mapping[str, str]

    @property
    def content(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "environment": scaled(self.environment),
            "scores": self.scores.content,
            "expert": dict(self.expert),
            "episodes": self.episodes,
            "seed": self.seed,
            "deterministic": self.deterministic,
            "packages": dict(self.packages),
        }


def reference_of(
    environment: Mapping[str, Any] | None, *, stored: Path | None = None
) -> ReferenceScores | None:
    """The reference scores of an environment; None: none are known of just this one.

    Args:
        environment: as a manifest describes it: id, kwargs, max_episode_steps, wrappers, preprocessing.
        stored: the file of what was measured; None: this user's.

    Raises:
        DatasetError: the file of what was measured is damaged.
    """
    if environment is None:
        return None
    if found := published_reference(environment):
        return found
    measured = measured_reference(environment, stored=stored)
    return measured.scores if measured else None


def kept_reference(manifest: Manifest) -> ReferenceScores | None:
    """The reference scores of a dataset that every machine finds: kept in its manifest, else published."""
    own = manifest.reference or sought_reference(manifest)
    return own or published_reference(manifest.inputs.get("environment") or {})


def sought_reference(manifest: Manifest) -> ReferenceScores | None:
    """The reference that a `rollout.target` was sought with; None: the dataset was built without one.

    Raises:
        DatasetError: no scale is between its two ends.
    """
    level = manifest.inputs.get("level")
    return ReferenceScores.of(level["reference"]) if level else None


def common_reference(manifests: Sequence[Manifest]) -> ReferenceScores | None:
    """The reference scores that all of some datasets keep; None: they keep others, or one keeps none."""
    kept = {manifest.reference or sought_reference(manifest) for manifest in manifests}
    return kept.pop() if len(kept) == 1 else None


def published_reference(environment: Mapping[str, Any]) -> ReferenceScores | None:
    """Scores that somebody has published of just this environment: every machine finds the same."""
    known = _published().get(str(environment.get("id")))
    if known is None:
        return None
    limit, scores = known
    given = scaled(environment)
    plain = {"id": given["id"], "kwargs": {}, "max_episode_steps": limit}
    return scores if {"max_episode_steps": limit, **given} == plain else None


@cache
def _published() -> dict[str, tuple[int, ReferenceScores]]:
    """By id: the time limit that the scores are of, and they."""
    with PUBLISHED.open(newline="", encoding="utf-8") as file:
        return {
            row["environment"]: (
                int(row["max_episode_steps"]),
                ReferenceScores(float(row["random"]), float(row["expert"]), row["source"]),
            )
            for row in csv.DictReader(file)
        }


def measured_reference(environment: Mapping[str, Any], *, stored: Path | None = None) -> Measured | None:
    """What was measured of an environment.

    Args:
        environment: as a manifest describes it.
        stored: the file; None: this user's.

    Raises:
        DatasetError: the file is damaged.
    """
    key = scaled(environment)
    return next((entry for entry in _read(stored or stored_at()) if scaled(entry.environment) == key), None)


def store_reference(measured: Measured, *, stored: Path | None = None) -> Path:
    """Keep what was measured, in the place of what was before of the same environment.

    Args:
        measured: what.
        stored: the file; None: this user's.

    Returns:
        The file.

    Raises:
        DatasetError: the file is damaged.
        StorageError: it cannot be written.
    """
    path = stored or stored_at()
    with _written_alone(path):
        key = scaled(measured.environment)
        kept = [entry for entry in _read(path) if scaled(entry.environment) != key]
        contents = sorted(
            (entry.content for entry in (*kept, measured)), key=lambda item: canonical(item["environment"])
        )
        write_whole(path, json.dumps({"references": contents}, indent=1, sort_keys=True) + "\n")
    return path


def check_storable() -> None:
    """Refuse before play what could not be stored after it.

    Raises:
        StorageError: this user's file cannot be written.
    """
    with _written_alone(stored_at()):
        pass


@contextmanager
def _written_alone(path: Path) -> Iterator[None]:
    """Hold a file, in a folder that is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked_in_turn(path):
            yield
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error}", remedy=f"name another file with {VARIABLE}=FILE"
        ) from error


def stored_at() -> Path:
    """This user's file: `$IL_BUILDER_REFERENCES`, else one below `$XDG_DATA_HOME`, `~/.local/share`."""
    if named := os.environ.get(VARIABLE):
        return expanded(named)
    return expanded(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "il-builder" / "references.json"


def scaled(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What of an environment's description decides its returns, in one spelling."""
    kwargs = {name: value for name, value in (environment.get("kwargs") or {}).items() if name != RENDER_MODE}
    found = {name: environment[name] for name in SCALED if environment.get(name)}
    plain: dict[str, Any] = json.loads(canonical({**found, "kwargs": kwargs}))
    return plain


def _read(path: Path) -> list[Measured]:
    """The entries of a file; none where there is no file.

    Raises:
        DatasetError: it is damaged.
    """
    try:
        content = read_json(path, NOTE_BYTES)
        wrong = next(violations("references", content), None)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        wrong = str(error)
    if wrong:
        raise DatasetError(
            f"{path} is not what il-builder reference has written: {wrong}",
            remedy="mend or remove it; il-builder reference measures again",
        )
    return [
        Measured(**entry | {"scores": ReferenceScores.of(entry["scores"])}) for entry in content["references"]
    ]
