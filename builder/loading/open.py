"""Opens a dataset folder: ours, or IL-Datasets'."""

from __future__ import annotations

from pathlib import Path

from builder.loading.trajectories import Trajectories
from builder.manifest.manifest import MANIFEST


def open_folder(folder: Path, split: str | None = None) -> Trajectories:
    """Open a dataset folder: one of ours, or one in the format of the seed project.

    Raises:
        DatasetError: it is neither.
        ConfigError: it has no such split.
    """
    from builder.loading.il_datasets import SeedTrajectories, looks_like_data

    ours = (folder / MANIFEST).is_file() or not looks_like_data(folder)
    return Trajectories(folder, split) if ours else SeedTrajectories(folder, split)
