"""What a finished build was asked for, kept beside its dataset so that asking again costs almost nothing.

`builder.pipeline.prepare.prepare` is a function of the configuration, the expert's files, the code and the
installed packages. Where none of these has changed since a build, its dataset is up to date, and neither the
expert nor the environment need be opened to know it. Whatever is unknown here, `prepare` decides.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import gymnasium as gym

from builder.config import BuildConfig
from builder.errors import BuilderError
from builder.experts.sources.load import files_of
from builder.manifest.identity import sha256_of
from builder.manifest.manifest import Manifest, read_manifest
from builder.storage.digest import file_sha256
from builder.storage.layout import Layout
from builder.storage.paths import write_whole
from builder.values import recorded
from builder.versions import all_code, identity_version

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


def note_request(config: BuildConfig, manifest: Manifest, *, code: str | None = None) -> None:
    """Note that this configuration led to this dataset; where that cannot be said, forget what was noted.

    Args:
        config: what was asked for.
        manifest: of the dataset.
        code: the digest of the code that made it; None: of this one.
    """
    path = Layout.of(config.out).request
    request = _request(config, code or all_code())
    try:
        if request and _registered_by(manifest) in PACKAGES:
            write_whole(path, json.dumps({"request": request, "identity": manifest.identity}) + "\n")
        else:
            path.unlink(missing_ok=True)
    except OSError:
        path.unlink(missing_ok=True)  # a note is worth no failure


def noted_dataset(config: BuildConfig) -> Manifest | None:
    """The manifest of the dataset at `out`, where this very request built it with what is installed now."""
    path = Layout.of(config.out).request
    if not path.is_file():
        return None
    try:
        noted = json.loads(path.read_text())
        manifest = read_manifest(config.out)
        asked = noted == {"request": _request(config, all_code()), "identity": manifest.identity}
        return manifest if asked and _installed(manifest) and manifest.whole(config.out) else None
    except (BuilderError, OSError, ValueError):
        return None


def _request(config: BuildConfig, code: str) -> str | None:
    """The sha256 of all that `prepare` looks at; None where it looks at more than files."""
    files = files_of(config.expert)
    if files is None or ":" in (config.env.id or ""):
        return None
    asked: dict[str, Any] = dataclasses.asdict(config)
    asked["env"] = recorded(vars(config.env), "env")  # with references in place of what they stand for
    asked["expert"] = recorded(vars(config.expert), "expert")
    for key in NOT_ASKED:
        del asked[key]
    del asked["rollout"]["lanes"]
    try:
        contents = [[path.name, file_sha256(path)] for path in files]
    except OSError:
        return None
    return sha256_of({"config": asked, "expert": contents, "code": code})


def _registered_by(manifest: Manifest) -> str:
    """The top package of the environment."""
    registered = gym.registry.get(manifest.inputs.get("environment", {}).get("id", ""))
    entry_point = registered.entry_point if registered else None
    return entry_point.partition(".")[0].partition(":")[0] if isinstance(entry_point, str) else ""


def _installed(manifest: Manifest) -> bool:
    """Whether the packages are still those that the dataset was built with."""
    try:
        return all(identity_version(name) == built for name, built in manifest.inputs["packages"].items())
    except KeyError:
        return False
