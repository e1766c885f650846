"""The sha256 of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

PART = 1 << 20


def file_sha256(*paths: Path) -> str:
    """The sha256 of a file; of several, that of all their bytes in a row."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while part := file.read(PART):
                digest.update(part)
    return digest.hexdigest()
