"""`provenance.json`: the machine that built a dataset. Outside the fingerprint; it holds no times."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from builder.identity import sha256_of

NAME = "provenance.json"
IMAGE = "IL_BUILDER_IMAGE"
"""Environment variable: the container image that this runs in."""


def write_provenance(folder: Path) -> None:
    """Describe this machine in a dataset folder."""
    described = machine()
    content = {**described, "sha256": sha256_of(described)}
    (folder / NAME).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def machine() -> dict[str, Any]:
    """What of this machine might matter to someone who gets other bytes."""
    return {
        "cpu": platform.machine(),
        "image": os.environ.get(IMAGE),
        "libc": " ".join(platform.libc_ver()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
    }
