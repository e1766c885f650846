"""A card against the one that is computed from its folder's data again."""

from __future__ import annotations

import json
import re
from pathlib import Path

from builder.card.render import ANYWHERE, CARD, read_notes, render_card, write_text

DECLARED = ("configs", "dataset_info")
"""Keys of the header by which `load_dataset` finds and reads files."""
ADDED = frozenset(["annotations_creators", "source_datasets"])
"""Keys that the headers of earlier versions lack."""
BASELINE = re.compile(r"^## Baseline\n.*?^(?=## How it was collected$)", re.MULTILINE | re.DOTALL)
REPOSITORY = re.compile(r'load_dataset\(("[^"]*")')


def without_baseline(card: str) -> str:
    """A card's text without the section that `il-builder baseline` has written."""
    return BASELINE.sub("", card, count=1)


def rendered_again(folder: Path, repo_id: str | None = None) -> tuple[str, str]:
    """The text of a folder's card, and what it should be, the user's notes included.

    Args:
        folder: a dataset folder with its manifest.
        repo_id: the repository that the card should name; None: the one that it names.

    Raises:
        FileNotFoundError: there is no card.
        UnicodeDecodeError: it is no text.
        DatasetError: there is no dataset, or its files do not hold what its manifest says.
    """
    text = (folder / CARD).read_text(encoding="utf-8")
    return text, render_card(folder, repo_id=repo_id or named_repository(text), notes=read_notes(folder))


def mend_card(folder: Path) -> bool:
    """Write a folder's card anew where it is damaged, whole or not at all; whether it was.

    It is where it is missing, no text, cut short, or of the right length with other letters. Where it says
    something else, somebody has written that, and it stays.

    Raises:
        DatasetError: the files do not hold what the manifest says.
        StorageError: the disk is full or not writable.
    """
    try:
        text, expected = rendered_again(folder)
    except (FileNotFoundError, UnicodeDecodeError):
        text, expected = "", render_card(folder)
    if text == expected:
        return False
    damaged = len(text) == len(expected) or expected.startswith(text)
    if damaged:
        write_text(folder, expected)
    return damaged


def same_header(card: str, expected: str) -> bool:
    """Whether the headers of two cards have the same keys, and say the same of files, splits and features.

    Args:
        card: of this version or an earlier one.
        expected: of this version.
    """
    ours, theirs = _header(card), _header(expected)
    return theirs.keys() - ADDED <= ours.keys() <= theirs.keys() and all(
        ours[key] == theirs[key] for key in DECLARED
    )


def _header(card: str) -> dict[str, list[str]]:
    """The lines of each key of a card's YAML header; of a key that stands there twice, all."""
    found: dict[str, list[str]] = {key: [] for key in DECLARED}
    key = ""
    lines = card.splitlines()
    end = lines.index("---", 1) if "---" in lines[1:] else len(lines)
    for line in lines[1:end]:
        if line[:1] not in (" ", "-", ""):
            key = line.partition(":")[0]
        found.setdefault(key, []).append(line)
    return found


def named_repository(card: str) -> str | None:
    """The repository that a card's `load_dataset` line names; None: a local folder."""
    found = REPOSITORY.search(card)
    try:
        name = json.loads(found[1]) if found else None
    except ValueError:
        return None
    return name if name != ANYWHERE else None
