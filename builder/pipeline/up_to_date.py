"""What stands at `out`: the dataset that a build would make, the same with fewer episodes, or another."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from builder.errors import ExistsError, StorageError
from builder.manifest.identity import differences, growth_identity, in_format
from builder.manifest.manifest import MANIFEST, Manifest
from builder.pipeline.build import Build
from builder.pipeline.standing import Standing
from builder.storage.tree import is_folder
from builder.versions import OLDER_FORMATS

log = logging.getLogger(__name__)


def as_it_stands(build: Build, standing: Standing) -> Build:
    """The build in the format of the data that what stands there was written in.

    An older dataset is known, grown and mended in the bytes that it was made with; `overwrite` gives it
    those of today.
    """
    if build.config.overwrite:
        return build
    if standing.manifest is not None:
        return build.in_format_of(standing.manifest.inputs)
    older = (dataclasses.replace(build, inputs=in_format(build.inputs, name)) for name in OLDER_FORMATS)
    return next((found for found in older if found.identity == standing.note.identity), build)


def up_to_date(build: Build, standing: Standing) -> Manifest | None:
    """The manifest of the dataset that stands there where it is the very one that the build would make.

    Returns:
        None where there is none, a damaged one that the build mends, or the same one with fewer episodes;
        with `overwrite` also where it is another one.

    Raises:
        ExistsError: something else stands there, or the same dataset with more episodes.
        DatasetError: its manifest is damaged, and may have described something else.
        StorageError: it cannot be read, and may be whole all the same.
    """
    found = _usable(build, standing)
    if found is None:
        return None
    if found.identity == build.identity and build.pinned and standing.is_intact():
        return found
    if not build.config.overwrite:
        _check_grows(build, found)
    return None


def _usable(build: Build, standing: Standing) -> Manifest | None:
    """The manifest; None where there is none, or it is damaged and what it describes is to be built again."""
    found, problem = standing.manifest, standing.problem
    if problem is None:
        return found
    noted = build.pinned and standing.note.identity == build.identity
    if isinstance(problem, ExistsError):
        if noted and is_folder(standing.out):
            log.warning("%s is damaged: %s is missing; it is built again", standing.out, MANIFEST)
            return None
    elif not isinstance(problem, StorageError):
        ours = found is not None and found.identity == build.identity
        if build.config.overwrite or ours or noted:
            log.warning("%s; the dataset is built again", problem)
            return None
        problem.remedy = "give overwrite=true to build the dataset anew, or choose another `out`"
    raise problem


def _check_grows(build: Build, found: Manifest) -> None:
    """Refuse to replace a dataset that is not the same one with fewer episodes.

    Raises:
        ExistsError: it is another one, it may be, or it has more.
    """
    out = build.config.out
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


def _telling(difference: tuple[str, Any, Any]) -> int:
    """The rank of a difference: an environment's own id says more than a threshold that follows from it."""
    order = ("environment.id", "expert.name", "environment", "expert", "config")
    return next((rank for rank, key in enumerate(order) if difference[0].startswith(key)), len(order))
