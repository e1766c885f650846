"""What the expert of a dataset saw of its environment, by the expert that the dataset holds."""

from __future__ import annotations

from pathlib import Path

from builder.errors import DatasetError
from builder.experts.observations.wrapped_policy import PolicyView
from builder.experts.sources.files import Archived
from builder.experts.sources.portable import DESCRIPTION, read_portable
from builder.manifest.environment import DAMAGED
from builder.manifest.manifest import Manifest
from builder.manifest.rebuild import stands_in

KEPT = "expert"
"""The folder of a dataset that holds its expert as data."""


def recorded_view(folder: Path, manifest: Manifest) -> PolicyView | None:
    """What stood between the environment and the expert; None: it saw what is observed.

    Args:
        folder: of the dataset, which holds the expert as its manifest lists it.
        manifest: of the dataset.

    Raises:
        DatasetError: what the expert saw is something else, and the dataset does not hold it; or it names
            no expert.
    """
    if "expert" not in manifest.inputs:
        raise DatasetError(
            f"{folder} names no expert of which it could be said what it saw",
            remedy="load the dataset that one expert played, such as a part of a merged one",
        )
    try:
        environment, expert = manifest.inputs["environment"], manifest.inputs["expert"]
        mapping = environment.get("mapping", {})
        sees = bool(expert.get("sees") or mapping.get("zeros"))
        if not stands_in(Path(folder) / KEPT, manifest):
            if not sees:
                return None
            raise DatasetError(
                "the dataset does not hold what lay between its environment and its expert",
                remedy="build it with dataset.include_expert=true",
            )
        kept = read_portable(Path(folder) / KEPT)
        archived = Archived(
            Path(folder) / KEPT / DESCRIPTION,
            "",
            kept.agent,
            kept.companions,
            kept.published,
            kept.agent.algorithm,
        )
        return archived.view(
            env_id=mapping.get("trained_on", environment["id"]),
            max_episode_steps=environment["max_episode_steps"],
            zeros=mapping.get("zeros", 0),
            preprocessed="preprocessing" in environment,
        )
    except DAMAGED as error:
        raise DatasetError(f"the manifest does not describe what was seen: {error!r:.200}") from error
