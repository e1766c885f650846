"""What a finished build was asked for, kept beside its dataset so that asking again costs almost nothing.

`builder.pipeline.prepare.prepare` is a function of the configuration, the expert's files, the code and the
installed packages. Where none of these has changed since a build, its dataset is up to date, and neither the
expert nor the environment need be opened to know it. Whatever is unknown here, `prepare` decides.

The note also holds how the dataset's files looked to the system when they were last known to be whole, so
that they need be read again only where somebody has written to them since.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import gymnasium as gym

from builder.config import BuildConfig
from builder.errors import BuilderError, StorageError
from builder.experts.sources.load import files_of
from builder.manifest.identity import sha256_of
from builder.manifest.manifest import Manifest
from builder.pipeline.intact import stamps
from builder.pipeline.standing import Note, Standing, read_note
from builder.storage.digest import file_sha256
from builder.storage.layout import Layout
from builder.storage.paths import write_whole
from builder.values import recorded
from builder.versions import DATA_FORMAT, all_code, data_format_of, is_here

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
    "card",
    "debug",
)
"""Keys that do not decide what is built."""


def note_request(
    config: BuildConfig, manifest: Manifest, *, known: bool = True, code: str | None = None
) -> None:
    """Note that this configuration led to this dataset, which is whole now.

    Args:
        config: what was asked for.
        manifest: of the dataset.
        known: False where more than the configuration decided, a user's own function for instance.
        code: the digest of the code that made it; None: of this one.
    """
    request = _request(config, code or all_code()) if known and _registered_by(manifest) in PACKAGES else None
    path = Layout.of(config.out).request
    try:
        note = Note(manifest.identity, request, stamps(config.out, manifest))
        if note != read_note(config.out):
            write_whole(path, json.dumps(dataclasses.asdict(note), sort_keys=True) + "\n")
    except (StorageError, OSError):
        path.unlink(missing_ok=True)  # a note is worth no failure


def noted_dataset(config: BuildConfig, standing: Standing) -> Manifest | None:
    """The manifest of what stands there, where this very request built it with what is installed now."""
    manifest, note = standing.manifest, standing.note
    if manifest is None or note.request is None or note.identity != manifest.identity:
        return None
    if config.overwrite and data_format_of(manifest.inputs) != DATA_FORMAT:
        return None  # which writes it anew, in the format of today
    try:
        asked = note.request == _request(config, all_code())
        return manifest if asked and _installed(manifest) and standing.is_vouched() else None
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
        return all(is_here(name, built) for name, built in manifest.inputs["packages"].items())
    except KeyError:
        return False
