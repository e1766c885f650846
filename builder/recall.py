"""What a finished build was asked for, kept beside its dataset so that asking again costs almost nothing.

`builder.preparation.prepare` is a function of the configuration, the expert's files, the code and the
installed packages. Where none of these has changed since a build, its dataset is up to date, and neither the
expert nor the environment need be opened to know it. Whatever is unknown here, `prepare` decides.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.config import BuildConfig
from builder.dataset.manifest import Manifest, read_manifest
from builder.errors import BuilderError
from builder.experts.archived import files_of
from builder.identity import sha256_of
from builder.storage import AnyPath
from builder.store import request_path

PACKAGES = ("gymnasium", "ale_py")
"""Environments of other packages may change without a new version: their builds are not remembered."""
NOT_ASKED = (
    "out",
    "mode",
    "parallel",
    "overwrite",
    "keep_chunks",
    "verify_sample",
    "manifest",
    "hub",
    "debug",
)
"""Keys that do not decide what is built."""


def remember(config: BuildConfig, out: AnyPath, manifest: Manifest) -> None:
    """Note that this configuration led to this dataset; where that cannot be said, forget what was noted."""
    path = request_path(out)
    request = _request(config)
    try:
        if request and _registered_by(manifest) in PACKAGES:
            path.write_text(json.dumps({"request": request, "identity": manifest.identity}) + "\n")
        else:
            path.unlink(missing_ok=True)
    except OSError:
        path.unlink(missing_ok=True)  # a note is worth no failure


def recall(config: BuildConfig, out: AnyPath) -> Manifest | None:
    """The manifest of the dataset at `out`, where this very request built it with what is installed now."""
    path = request_path(out)
    if not path.is_file():
        return None
    try:
        noted = json.loads(path.read_text())
        manifest = read_manifest(out)
        asked = noted == {"request": _request(config), "identity": manifest.identity}
        return manifest if asked and _installed(manifest) and manifest.whole(out) else None
    except (BuilderError, OSError, ValueError):
        return None


def _request(config: BuildConfig) -> str | None:
    """The sha256 of all that `prepare` looks at; None where it looks at more than files."""
    files = files_of(config.expert)
    if files is None or ":" in (config.env.id or ""):
        return None
    asked: dict[str, Any] = dataclasses.asdict(config)
    for key in NOT_ASKED:
        del asked[key]
    del asked["rollout"]["lanes"]
    try:
        contents = [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files]
    except OSError:
        return None
    return sha256_of({"config": asked, "expert": contents, "code": _code()})


@cache
def _code() -> str:
    """The sha256 of this package's modules."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _registered_by(manifest: Manifest) -> str:
    """The top package of the environment."""
    registered = gym.registry.get(manifest.inputs.get("environment", {}).get("id", ""))
    entry_point = registered.entry_point if registered else None
    return entry_point.partition(".")[0].partition(":")[0] if isinstance(entry_point, str) else ""


def _installed(manifest: Manifest) -> bool:
    """Whether the packages are still those that the dataset was built with."""
    try:
        return all(version(name) == built for name, built in manifest.inputs["packages"].items())
    except (PackageNotFoundError, KeyError):
        return False
