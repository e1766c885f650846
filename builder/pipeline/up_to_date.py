"""What stands at `out`: the dataset that a build would make, the same with fewer episodes, or another."""

from __future__ import annotations

import logging
from typing import Any

from builder.errors import (
    DatasetError,
    ExistsError,
    StorageError,
)
from builder.manifest.identity import differences, growth_identity
from builder.manifest.manifest import MANIFEST, Manifest, read_manifest
from builder.pipeline.build import Build
from builder.storage.paths import AnyPath
from builder.storage.staging import unfinished

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
        raise ExistsError(
            f"{out} exists and is not a dataset of ours", remedy="choose another `out`, or remove it yourself"
        )
    if build.config.overwrite:
        return _same(build, _read_or_none(out))
    found = read_manifest(out)
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


def _read_or_none(out: AnyPath) -> Manifest | None:
    try:
        return read_manifest(out)
    except StorageError:  # it may be there all the same
        raise
    except DatasetError:
        return None


def _same(build: Build, found: Manifest | None) -> Manifest | None:
    """The manifest if it is this build's and all its files are there."""
    if found is None or found.identity != build.identity or not build.pinned:
        return None
    return found if found.whole(build.config.out) else None


def _telling(difference: tuple[str, Any, Any]) -> int:
    """The rank of a difference: an environment's own id says more than a threshold that follows from it."""
    order = ("environment.id", "expert.name", "environment", "expert", "config")
    return next((rank for rank, key in enumerate(order) if difference[0].startswith(key)), len(order))
