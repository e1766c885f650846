"""Is there room?"""

from __future__ import annotations

import shutil
from pathlib import Path

from builder.errors import StorageError


def check_space(folder: Path, size: int, otherwise: str) -> None:
    """Find out before anything is written whether there is room for it.

    Args:
        folder: where it shall go; it need not exist yet.
        size: bytes, as far as they are known.
        otherwise: what else the user can do.

    Raises:
        StorageError: there is not.
    """
    there = nearest_existing(folder)
    free = shutil.disk_usage(there).free
    if size > free:
        raise StorageError(
            f"the disk of {there} has too little room",
            expected=f"{size / 1e6:,.1f} MB",
            got=f"{free / 1e6:,.1f} MB",
            remedy=f"free some space there, or {otherwise}",
        )


def nearest_existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
