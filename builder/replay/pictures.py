"""Pictures that two machines have drawn: alike, where drivers of OpenGL do not draw the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from builder.episodes.recording import FINAL_PIXELS, PIXELS, Recording
from builder.episodes.spaces import Array

DRIVERS_APART = 8.0
"""So much of 255 may a picture differ in the mean: edges and shadows are drawn otherwise."""


def as_drawn_here(played: Recording, theirs: Recording) -> Recording:
    """What was played, with the pictures of another recording where they are as near as drivers are."""
    return dataclasses.replace(
        played,
        extras=_alike(played.extras, theirs.extras, PIXELS),
        attempt_extras=_alike(played.attempt_extras, theirs.attempt_extras, FINAL_PIXELS),
    )


def _alike(mine: Mapping[str, Array], theirs: Mapping[str, Array], name: str) -> Mapping[str, Array]:
    if name not in mine or name not in theirs or mine[name].shape[1:] != theirs[name].shape[1:]:
        return mine
    pictures, others = mine[name].copy(), theirs[name]
    for row in range(min(len(pictures), len(others))):
        if np.abs(pictures[row].astype(np.int16) - others[row]).mean() <= DRIVERS_APART:
            pictures[row] = others[row]
    return {**mine, name: pictures}
