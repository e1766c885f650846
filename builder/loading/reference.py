"""What is known of an expert's score, beside the episodes of it that were kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import DatasetError
from builder.experts.policy import configured
from builder.loading.split_tables import SplitTables
from builder.manifest.manifest import Manifest
from builder.manifest.reference import kept_reference
from builder.manifest.reference import reference_of as environment_reference
from builder.manifest.scores import ReferenceScores, normalized

BUNDLED = "measured when it was trained: conf/expert/{name}.yaml"
ZOO = "published in benchmark.md of RL Baselines3 Zoo"


@dataclass(frozen=True)
class Reference:
    """An expert's score; None: not known.

    Attributes:
        environment: the id of the environment that was recorded.
        expert: who played.
        published: the expert's published mean return.
        published_std: its standard deviation.
        published_of: the environment that it is of, which may be another version.
        source: where it stands.
        unselected: the mean return of all attempts, where all of them are in the dataset: else what was kept
            are the better ones, whose mean is no score of the expert's.
        attempts: how many were played.
        threshold: the least return that was accepted; it is not a score.
        scores: what returns in the environment are normalised by: kept in the dataset, published, or measured
            on this machine.
    """

    environment: str | None = None
    expert: str | None = None
    published: float | None = None
    published_std: float | None = None
    published_of: str | None = None
    source: str | None = None
    unselected: float | None = None
    attempts: int | None = None
    threshold: float | None = None
    scores: ReferenceScores | None = None


def reference_of(tables: SplitTables) -> Reference:
    """What the manifest of a split knows, and what is published of the expert that it names.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    manifest = tables.manifest
    inputs = manifest.inputs
    expert, config = inputs.get("expert", {}), inputs.get("config", {})
    threshold = float(config.get("threshold", "nan"))
    return Reference(
        environment=inputs.get("environment", {}).get("id"),
        expert=expert.get("name") or inputs.get("imported", {}).get("policy"),
        **_published(expert),
        unselected=_unselected(tables, manifest) if config else None,
        attempts=manifest.attempts if config else None,
        threshold=threshold if math.isfinite(threshold) else None,
        scores=known_scores(manifest),
    )


def known_scores(manifest: Manifest) -> ReferenceScores | None:
    """The reference scores of a dataset: kept in it, published, or measured on this machine; None: none is.

    Raises:
        DatasetError: the file of what was measured is damaged.
    """
    return kept_reference(manifest) or environment_reference(manifest.inputs.get("environment"))


def normalized_returns(tables: SplitTables, places: Array) -> Array:
    """float64 [episodes]: see `Trajectories.normalized_returns`.

    Args:
        tables: of a split.
        places: which of its episodes.

    Raises:
        DatasetError: there are no returns, or no reference scores are known.
    """
    scores = known_scores(tables.manifest)
    if scores is None:
        raise DatasetError(
            f"no reference scores are known of the environment of {tables.where}",
            remedy=_how_to_know(tables.manifest.inputs, tables.where),
        )
    found = tables.of_episodes("episode_return")
    if "episode_return" not in found:
        raise DatasetError(f"{tables.where} has no rewards, so no returns")
    return normalized(found["episode_return"][places], scores)


def _how_to_know(inputs: Mapping[str, Any], where: str) -> str:
    if "config" in inputs:
        return f"il-builder reference {where} measures them once, and keeps them in it"
    if "environment" in inputs:
        return f"il-builder reference env.id={inputs['environment']['id']} measures them once"
    return "nothing says which environment it is; builder.manifest.scores.normalized takes scores of your own"


def _published(expert: dict[str, Any]) -> dict[str, Any]:
    """The published figures of an expert: of the archive with this sha256, or in this repository."""
    for name, known in configured().items():
        bundled = known.get("sha256") and known["sha256"] == expert.get("sha256")
        listed = known.get("repo_id") and known["repo_id"] == expert.get("repo_id")
        if known.get("mean_return") is not None and (bundled or listed):
            return {
                "published": float(known["mean_return"]),
                "published_std": float(known["std_return"]),
                "published_of": known["env_id"],
                "source": BUNDLED.format(name=name) if bundled else ZOO,
            }
    return {}


def _unselected(tables: SplitTables, manifest: Manifest) -> float | None:
    """The mean return of all attempts; None: some are not in the dataset."""
    if manifest.attempts != manifest.accepted or not manifest.splits:
        return None
    splits = [SplitTables(tables.folder, manifest, name, tables.spaces) for name in sorted(manifest.splits)]
    returns = [split.of_episodes("episode_return")["episode_return"] for split in splits]
    return math.fsum(np.concatenate(returns).tolist()) / manifest.accepted
