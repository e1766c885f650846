"""The built-in `collate`: recorded files to a complete dataset folder, card included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from builder.card import write_card
from builder.dataset.folder import write_dataset
from builder.storage.paths import place

CollateFunction = Callable[[str, list[str]], bool]


def collate(path: str, episodes: list[str]) -> bool:
    """Put recorded files together in the folder `path`.

    Args:
        path: the dataset folder to write.
        episodes: recorded files (of `Episode.save`, or chunks of a build), in attempt order.

    Returns:
        True.

    Raises:
        DatasetError: a file is damaged, or the folder cannot be written.
    """
    folder = Path(path)
    write_dataset(folder, [place(episode) for episode in episodes])
    write_card(folder)
    return True
