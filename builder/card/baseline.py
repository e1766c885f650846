"""A baseline, put into a dataset folder: its note, its picture, and its section on the card."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from builder.card.comparison import rendered_again
from builder.card.learning_curve import learning_curve_png
from builder.card.reference import refuse_written_card
from builder.card.render import place_picture, render_card, write_text
from builder.errors import DatasetError
from builder.manifest.baseline import Baseline, write_baseline
from builder.manifest.manifest import LEARNING_CURVE, SIGNATURE, read_manifest


def check_keeps_baseline(folder: Path) -> None:
    """Refuse, before anything is trained, a folder that could not keep what comes of it.

    Raises:
        DatasetError: there is no dataset, it is signed, or somebody has written something into its card.
    """
    manifest = read_manifest(folder)
    if (folder / SIGNATURE).exists():
        raise DatasetError(
            f"{folder} is signed, and a baseline would change its card, which was signed",
            remedy=f"remove {SIGNATURE}, train the baseline, and sign it again",
        )
    refuse_written_card(folder, manifest)


def keep_baseline(folder: Path, learned: Baseline) -> None:
    """Keep a baseline in a dataset folder, whose lock the caller holds; nothing of its manifest changes.

    Raises:
        DatasetError: see `check_keeps_baseline`; or its files are not those of its manifest.
        StorageError: it cannot be written.
    """
    check_keeps_baseline(folder)
    png = learning_curve_png(learned)
    place_picture(folder / LEARNING_CURVE, png)
    write_baseline(folder, dataclasses.replace(learned, picture=hashlib.sha256(png).hexdigest()))
    try:
        text, rendered = rendered_again(folder)
    except (FileNotFoundError, UnicodeDecodeError):
        text, rendered = "", render_card(folder)
    if text != rendered:
        write_text(folder, rendered)
