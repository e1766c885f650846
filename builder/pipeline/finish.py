"""Recorded files become a dataset folder, which is checked and takes its place at `out`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from builder.card import keep_reference, read_notes, write_card
from builder.config import ParallelConfig
from builder.dataset.distinct import warn_of_copies
from builder.dataset.within import tell_of_beyond
from builder.environments.drawing import undrawn
from builder.episodes.spaces import describe
from builder.errors import DatasetError, NotRepeatedError
from builder.experts.sources.portable import save_portable
from builder.manifest.identity import identity
from builder.manifest.manifest import (
    BASELINE,
    MANIFEST,
    Manifest,
    data_files,
    owned_files,
    read_manifest,
    seal,
)
from builder.manifest.provenance import write_provenance
from builder.manifest.reference import scaled
from builder.manifest.scores import ReferenceScores
from builder.pipeline.build import Build
from builder.pipeline.collate import CollateFunction
from builder.pipeline.own_truth import held_against
from builder.pipeline.pictures import preview
from builder.replay import choose, replay
from builder.storage.paths import AnyPath
from builder.storage.staging import replaced

log = logging.getLogger(__name__)

REPLAYED_STEPS = 20_000
"""What the check at the end of a build steps again at the most."""


def finish(build: Build, files: Sequence[AnyPath], collate: CollateFunction) -> Manifest:
    """Collate beside `out`, then put the folder in its place.

    Args:
        build: what was played.
        files: of the accepted attempts, in their order.
        collate: the built-in one, or the user's own.

    Raises:
        DatasetError: `collate` failed.
        NotRepeatedError: the environment, stepped again, gives something else.
    """
    out = build.config.out
    notes = None if "collate" in build.own else read_notes(out)
    reference, had_baseline = _reference_at(out, build), (out / BASELINE).exists()
    with replaced(out, MANIFEST, owned_files) as folder:
        if not collate(str(folder), [str(file) for file in files]):
            raise DatasetError("collate returned False", remedy="nothing was changed at `out`")
        manifest = _completed(build, folder, len(files), notes)
        if reference:
            keep_reference(folder, reference)
            manifest = read_manifest(folder)
        warn_of_copies(manifest)
        tell_of_beyond(manifest)
        if not build.own:
            _replay_some(build, folder, manifest)
        elif build.own.keys() == {"enjoy"}:
            chosen = _chosen(build, manifest) if build.config.verify_sample else {}
            if unproven := held_against(build, folder, manifest, chosen):
                manifest = _noted(folder, manifest, unproven)
        preview(folder, manifest, build.environment, build.config.card)
    if had_baseline:
        log.info("the baseline of what stood at %s is gone; il-builder baseline %s trains one anew", out, out)
    return manifest


def _reference_at(out: AnyPath, build: Build) -> ReferenceScores | None:
    """The reference scores that the dataset at `out` keeps, where it is of the same environment."""
    try:
        standing = read_manifest(out)
    except DatasetError:
        return None
    environments = [
        scaled(inputs.get("environment") or {"id": ""}) for inputs in (standing.inputs, build.inputs)
    ]
    return standing.reference if environments[0] == environments[1] else None


def _noted(folder: Path, manifest: Manifest, notes: tuple[str, ...]) -> Manifest:
    """The folder with more to say of how it came about."""
    noted = dataclasses.replace(manifest, notes=(*manifest.notes, *notes))
    seal(noted, folder, data_files(manifest))
    write_card(folder)
    return read_manifest(folder)


def _completed(build: Build, folder: Path, attempts: int, notes: str | None) -> Manifest:
    """Add what `collate` knows nothing of: the user's notes, the expert, where it was built."""
    if notes:
        write_card(folder, notes=notes)
    if build.config.dataset.include_expert and build.expert.trained is not None:
        save_portable(build.expert.trained.portable(), folder / "expert")
        if (folder / MANIFEST).is_file():
            stated = read_manifest(folder)
            seal(stated, folder, data_files(stated))
    if not (folder / MANIFEST).is_file():
        seal(_plain_manifest(build, attempts), folder)
    write_provenance(folder)
    return read_manifest(folder)


def _replay_some(build: Build, folder: Path, manifest: Manifest) -> None:
    """Step a few episodes of a finished folder again, each alone, before it takes its place.

    Raises:
        NotRepeatedError: the environment gives something else.
    """
    if not build.config.verify_sample:
        return
    chosen = _with_last(_chosen(build, manifest), manifest)
    one = ParallelConfig(backend="threading", n_jobs=1)
    alone = dataclasses.replace(undrawn(build.environment), reusable=False)
    result = replay(folder, chosen, parallel=one, environment=alone)
    if result.difference:
        raise NotRepeatedError(
            f"{build.environment.id}, stepped again with the recorded seed and actions, gives something else:"
            f" {result.difference}",
            expected=result.difference.expected,
            got=result.difference.got,
            remedy=_slower_remedy(build),
        )
    log.info("verified: %d of %d episodes stepped again, bit for bit", result.episodes, manifest.accepted)


def _chosen(build: Build, manifest: Manifest) -> dict[str, list[int]]:
    """Per split, the episodes that are stepped again."""
    sample = min(1.0, build.config.verify_sample / manifest.accepted)
    return choose(manifest, sample, most_steps=REPLAYED_STEPS)


def _with_last(chosen: dict[str, list[int]], manifest: Manifest) -> dict[str, list[int]]:
    """The positions with the last episode in place of the last one: before it, its instance played most."""
    return {
        name: [*positions[:-1], manifest.splits[name].episodes - 1] if len(positions) > 1 else positions
        for name, positions in chosen.items()
    }


def _slower_remedy(build: Build) -> str:
    if build.instances == "reused":
        return "leave env.instances=reused away"
    if not build.environment.single:
        return "give env.instances=single, which plays one episode at a time in a process"
    return "the environment does not repeat itself; il-builder check says more"


def _plain_manifest(build: Build, attempts: int) -> Manifest:
    """The manifest of a folder whose content a user's own `collate` has chosen."""
    return Manifest(
        inputs=dict(build.inputs),
        identity=identity(build.inputs),
        observation_space=describe(build.observation_space),
        action_space=describe(build.action_space),
        attempts=attempts,
        accepted=build.config.episodes,
        splits={},
        files={},
        fingerprint="",
    )
