"""Which statistics an archive's observations are normalised with, if any.

The archive's own word goes first: one that was trained behind `VecNormalize` never plays without statistics
unless the user says so, and one that was not never plays with those of another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import ExpertError
from builder.experts.archive.plain_yaml import read_mapping
from builder.experts.archive.training import Training, read_training
from builder.experts.archive.vec_normalize import Statistics, read_statistics
from builder.experts.sources.statistics_files import (
    NONE,
    STATISTICS_NAMES,
    Search,
    content_of,
    missing,
    saved_by_callback,
    search,
)
from builder.storage.paths import expanded


@dataclass(frozen=True)
class Chosen:
    """The statistics of an archive.

    Attributes:
        statistics: what observations are normalised with; None: with nothing.
        path: the file that was read, whether it is used or not; None: none was.
        content: of that file.
        notes: what a reader of the dataset should know.
    """

    statistics: Statistics | None = None
    path: Path | None = None
    content: bytes = b""
    notes: tuple[str, ...] = ()


def choose_statistics(archive: Path, config: Mapping[str, Any] | None, given: str | None) -> Chosen:
    """Find and read an archive's statistics.

    Args:
        archive: the archive.
        config: what `config.yml` says; None: there is none.
        given: where they lie, or `none`; None: look for them.

    Raises:
        ArchiveError: the file is damaged or something else.
        ExpertError: there must be some and there are none, or they may be one or another.
        UnsafeArchiveError: unpickling the file would run code.
    """
    if given == NONE:
        return Chosen(notes=("played without normalisation statistics, as expert.vec_normalize=none says",))
    if given is not None:
        return _read(expanded(given))
    training, found = read_training(archive), search(archive)
    needed, unwanted = _why(config, training)
    path = next(iter((*found.own, *found.shared)), None) if unwanted else found.chosen()
    if path is None:
        if needed:
            raise missing(needed, found)
        return Chosen()
    chosen = _read(path)
    if unwanted:
        return dataclasses.replace(chosen, statistics=None, notes=(f"{path.name} is not used: {unwanted}",))
    return dataclasses.replace(chosen, notes=_notes(path, archive, found))


def _why(config: Mapping[str, Any] | None, training: Training) -> tuple[str, str]:
    """Why there must be statistics, or why none may be used; neither where nothing tells."""
    if config is None:
        if training.normalised is False:
            return "", "the archive shows that training did not normalise observations"
        return training.shown_by, ""
    normalize = config.get("normalize", False)
    if not isinstance(normalize, bool):
        kwargs = read_mapping(normalize, "config.yml: normalize")
        if not kwargs.get("norm_obs", True):
            return "", "config.yml says that only rewards were normalised"
        normalize = True
    if normalize:
        return "config.yml says so", ""
    if training.normalised and training.certain:  # the zoo went on with an agent that was
        return training.shown_by, ""
    return "", "config.yml says that observations were not normalised"


def _notes(path: Path, archive: Path, found: Search) -> tuple[str, ...]:
    """What is to be known of statistics that are not by their name the archive's own."""
    if path in found.own:
        return ()
    if saved_by_callback(archive):
        later = "may have been saved at another step of training"
        file = path.relative_to(archive.parent).as_posix()
        return (f"observations are normalised with {file}, which {later} than {archive.name}",)
    if path.name in STATISTICS_NAMES:
        return ()
    return (f"observations are normalised with {path.name}, the only statistics beside the archive",)


def _read(path: Path) -> Chosen:
    content = content_of(path)
    if content is None:
        raise ExpertError(
            f"there are no normalisation statistics {path}",
            remedy="check expert.vec_normalize; =none plays without",
        )
    return Chosen(read_statistics(content, path.name), path, content)
