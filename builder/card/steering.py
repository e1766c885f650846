"""Whether a card has `load_dataset` read other files than those of its dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from builder.card.header import data_configs
from builder.manifest.manifest import Manifest
from builder.storage.limits import CARD_BYTES
from builder.storage.plain_json import read_bounded

MAX_DEPTH = 8
"""How deep the `configs` of a header may be nested."""


def names_other_files(card: Path, manifest: Manifest | None) -> bool:
    """Whether its header names files that the manifest does not, or that lie outside the folder.

    Args:
        card: the file; one that cannot be read is taken to name them.
        manifest: of the dataset; None: there is none, and any file inside will do.
    """
    from huggingface_hub import DatasetCard

    try:
        text = read_bounded(card, CARD_BYTES).decode("utf-8")
        data: Any = DatasetCard(text, ignore_metadata_errors=True).data
        header = data.to_dict()
    except Exception:  # noqa: BLE001  (whatever its reader raises)
        return True
    configs = header.get("configs")
    if configs is None:
        return False
    if manifest is None:
        return not all(map(_lies_inside, _texts(configs)))
    splits = sorted(manifest.splits, key=lambda name: (name != "train", name))
    return bool(configs != data_configs(splits))


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """All texts in a value; what is nested deeper than any header is one that lies nowhere."""
    if isinstance(value, str):
        yield value
    elif depth > MAX_DEPTH:
        yield ".."
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item, depth + 1)


def _lies_inside(text: str) -> bool:
    path = PurePosixPath(text)
    return not path.is_absolute() and ".." not in path.parts and ":" not in text and text[:1] != "~"
