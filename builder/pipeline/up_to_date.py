"""What stands at `out`: the dataset that a build would make, the same with fewer episodes, or another."""

from __future__ import annotations

import logging
from typing import Any

from builder.errors import (
    DatasetError,
    ExistsError,
    StorageError,
    storage_error,
)
from builder.manifest.identity import differences, growth_identity
from builder.manifest.manifest import MANIFEST, Manifest, manifest_sha256, read_manifest
from builder.pipeline.build import Build
from builder.pipeline.intact import is_intact
from builder.pipeline.request_note import read_note
from builder.storage.staging import unfinished
from builder.storage.tree import is_folder

log = logging.getLogger(__name__)


def up_to_date(build: Build) -> Manifest | None:
    """The manifest of the dataset at `out` where it is the very one that the build would make.

    Returns:
        None where the dataset is missing or not finished, or is the same one with fewer episodes.

    Raises:
        ExistsError: `out` holds something else, or the same dataset with more episodes.
    """
    out = build.config.out
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / MANIFEST).is_file():
        if unfinished(out):
            return None
        if _is_noted(build) and is_folder(out):
            log.warning("%s is damaged: %s is missing; it is built again", out, MANIFEST)
            return None
        raise ExistsError(
            f"{out} exists and is not a dataset of ours", remedy="choose another `out`, or remove it yourself"
        )
    found = _read(build)
    if build.config.overwrite or found is None:
        return _same(build, found)
    if same := _same(build, found):
        return same
    if growth_identity(found.inputs) != growth_identity(build.inputs):
        key, ours, theirs = min(differences(build.inputs, found.inputs), key=_telling)
        raise ExistsError(
            f"{out} holds another dataset: its {key} is {theirs!r}",
            expected=repr(ours),
            remedy="choose another `out`, or give overwrite=true to replace it",
        )
    if not build.pinned:
        raise ExistsError(
            f"{out} holds a dataset of an expert that is not pinned, so it may be another one",
            remedy="give overwrite=true to build it anew; with expert.version= it will be known by that",
        )
    if found.accepted > build.config.episodes:
        raise ExistsError(
            f"{out} holds {found.accepted} episodes already",
            got=f"episodes={build.config.episodes}",
            remedy="choose another `out`, or give overwrite=true to replace it",
        )
    return None


def _is_noted(build: Build) -> bool:
    """Whether the dataset at `out` was this build's when it was last known to be whole."""
    return build.pinned and read_note(build.config.out).identity == build.identity


def _read(build: Build) -> Manifest | None:
    """The manifest; None where it is damaged, and what it describes is to be built again.

    Raises:
        DatasetError: it is damaged, and may describe something else.
        StorageError: it cannot be read, and may be whole all the same.
    """
    out = build.config.out
    try:
        found = read_manifest(out)
        if not found.sha256 or found.sha256 == manifest_sha256(found):
            return found
        ours = found.identity == build.identity
        damage = DatasetError(f"{out / MANIFEST} has another content than was written")
    except StorageError:
        raise
    except DatasetError as error:
        if isinstance(error.__cause__, OSError):
            raise storage_error(error.__cause__, out / MANIFEST) from error
        ours, damage = False, error
    if build.config.overwrite or ours or _is_noted(build):
        log.warning("%s; the dataset is built again", damage)
        return None
    damage.remedy = "give overwrite=true to build the dataset anew, or choose another `out`"
    raise damage


def _same(build: Build, found: Manifest | None) -> Manifest | None:
    """The manifest if it is this build's and all its files are whole."""
    out = build.config.out
    if found is None or found.identity != build.identity or not build.pinned:
        return None
    return found if is_intact(out, found, read_note(out).files) else None


def _telling(difference: tuple[str, Any, Any]) -> int:
    """The rank of a difference: an environment's own id says more than a threshold that follows from it."""
    order = ("environment.id", "expert.name", "environment", "expert", "config")
    return next((rank for rank, key in enumerate(order) if difference[0].startswith(key)), len(order))
