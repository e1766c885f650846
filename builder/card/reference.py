"""Reference scores, put into a dataset folder: into its manifest, and onto its card."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from builder.card.comparison import mend_card, rendered_again, without_baseline
from builder.card.render import render_card, write_text
from builder.errors import DatasetError
from builder.manifest.manifest import SIGNATURE, Manifest, read_manifest, rewrite
from builder.manifest.scores import ReferenceScores
from builder.versions import RELEASE


def keep_reference(folder: Path, scores: ReferenceScores) -> None:
    """Keep reference scores in a dataset folder, whose lock the caller holds; no byte of its data changes.

    A folder whose content a user's own `collate` has chosen keeps the card that it has.

    Raises:
        DatasetError: there is no dataset, its files are not those of its manifest, it is signed, or somebody
            has written something into its card.
        StorageError: it cannot be written.
    """
    manifest = read_manifest(folder)
    if manifest.reference != scores:
        if (folder / SIGNATURE).exists():
            raise DatasetError(
                f"{folder} is signed, and reference scores would change what was signed",
                remedy=f"remove {SIGNATURE}, give the reference, and sign it again",
            )
        refuse_written_card(folder, manifest)
        manifest = rewrite(dataclasses.replace(manifest, reference=scores), folder)
    if not manifest.splits:
        return
    try:
        text, rendered = rendered_again(folder)
    except (FileNotFoundError, UnicodeDecodeError):
        text, rendered = "", render_card(folder)
    if text != rendered:
        write_text(folder, rendered)


def refuse_written_card(folder: Path, manifest: Manifest) -> None:
    """Refuse to write a card anew in which somebody has written something beside the notes.

    Raises:
        DatasetError: somebody has.
    """
    if not manifest.splits or manifest.written_by != RELEASE:  # another version's words may be others
        return
    mend_card(folder)
    text, rendered = rendered_again(folder)
    if without_baseline(text) != without_baseline(rendered):
        raise DatasetError(
            f"the card of {folder} says something else than its data do, and would be written anew",
            remedy="what is your own goes under ## Notes, which stays; il-builder verify names the line",
        )
