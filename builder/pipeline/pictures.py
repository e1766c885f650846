"""Whether a build draws its preview, and when."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from builder.config import CardConfig
from builder.environments.drawing import drawable
from builder.environments.environment import EnvironmentSpec
from builder.episodes.spaces import Spaces
from builder.manifest.manifest import PREVIEW, Manifest
from builder.show.frames import image_leaf
from builder.show.preview import write_preview
from builder.storage.paths import AnyPath

log = logging.getLogger(__name__)

VARIABLE = "IL_BUILDER_PREVIEW"
"""Environment variable: what `card.preview=auto` means here, for whoever builds a thousand datasets."""


def check_preview(card: CardConfig, environment: EnvironmentSpec, spaces: Spaces) -> None:
    """Refuse a preview that was asked for and cannot be drawn, before play.

    Raises:
        EnvironmentError_: the environment cannot be drawn.
        MissingExtraError: what it draws with is not installed.
    """
    if card.preview is True and image_leaf(spaces.observation) is None:
        drawable(environment)


def preview(folder: Path, manifest: Manifest, environment: EnvironmentSpec, card: CardConfig) -> None:
    """Draw the preview of a finished folder, where it is wanted.

    Raises:
        BuilderError: it was asked for, and cannot be drawn.
        StorageError: the disk is full or not writable.
    """
    unasked = card.preview == "auto" and os.environ.get(VARIABLE) != "false"
    if manifest.splits and (unasked or card.preview is True):
        write_preview(folder, environment, asked=card.preview is True)


def preview_of_standing(out: AnyPath, manifest: Manifest, card: CardConfig) -> None:
    """Draw the preview that is asked for of a dataset that stands there without one.

    Raises:
        BuilderError, StorageError: as `preview`.
    """
    asked = card.preview is True and bool(manifest.splits)
    if asked and isinstance(out, Path) and not (out / PREVIEW[-1]).is_file():
        write_preview(out, None)
