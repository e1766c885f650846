"""What a finished build was asked for, kept beside its dataset so that asking again costs almost nothing.

`builder.pipeline.prepare.prepare` is a function of the configuration, the expert's files, the code and the
installed packages. Where none of these has changed since a build, its dataset is up to date, and neither the
expert nor the environment need be opened to know it. Whatever is unknown here, `prepare` decides.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from builder.config import BuildConfig
from builder.errors import (
    BuilderError,
    DatasetError,
    ExistsError,
    StorageError,
)
from builder.experts.sources.load import files_of
from builder.manifest.environment import RENDER_MODE
from builder.manifest.identity import growth_identity, sha256_of
from builder.manifest.manifest import MANIFEST, Manifest, read_manifest
from builder.pipeline.prepare import Build
from builder.storage.digest import file_sha256
from builder.storage.layout import Layout
from builder.storage.paths import AnyPath
from builder.storage.staging import unfinished
from builder.values import recorded
from builder.versions import all_code, identity_version

log = logging.getLogger(__name__)

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
            path.write_text(json.dumps({"request": request, "identity": manifest.identity}) + "\n")
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


def up_to_date(build: Build) -> Manifest | None:
    """The manifest of the dataset at `out` where it is the very one that the build would make.

    Returns:
        None where the dataset is missing or not finished, or is the same one with fewer episodes.

    Raises:
        ExistsError: `out` holds something else, or the same dataset with more episodes.
    """
    out = build.config.out
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / MANIFEST).is_file():
        if unfinished(out):
            return None
        raise ExistsError(
            f"{out} exists and is not a dataset of ours", remedy="choose another `out`, or remove it yourself"
        )
    if build.config.overwrite:
        return _same(build, _read_or_none(out))
    found = read_manifest(out)
    if same := _same(build, found):
        return same
    if growth_identity(found.inputs) != growth_identity(build.inputs):
        key, ours, theirs = min(_differences(build.inputs, found.inputs), key=_telling)
        raise ExistsError(
            f"{out} holds another dataset: its {key} is {theirs!r}",
            expected=repr(ours),
            remedy="choose another `out`, or give overwrite=true to replace it",
        )
    if not build.pinned:
        raise ExistsError(
            f"{out} holds a dataset of an expert that is not pinned, so it may be another one",
            remedy="give overwrite=true to build it anew; with expert.version= it will be known by that",
        )
    if found.accepted > build.config.episodes:
        raise ExistsError(
            f"{out} holds {found.accepted} episodes already",
            got=f"episodes={build.config.episodes}",
            remedy="choose another `out`, or give overwrite=true to replace it",
        )
    return None


def check_inputs(build: Build, wanted: Manifest) -> None:
    """Compare what a build would be made from with a manifest that it shall build again.

    Other package versions are a warning: they may give the same bytes.

    Raises:
        DatasetError: something else differs, so it could only become another dataset.
    """
    for key, ours, theirs in _differences(build.inputs, wanted.inputs):
        if key == f"environment.kwargs.{RENDER_MODE}":
            continue  # not taken from a manifest
        if key.startswith("packages."):
            name = key.removeprefix("packages.")
            log.warning("%s is %s here, %s in the manifest", name, ours or "missing", theirs)
            continue
        raise DatasetError(
            f"what the manifest describes cannot be built here: its {key} differs",
            expected=repr(theirs),
            got=repr(ours),
        )


def _read_or_none(out: AnyPath) -> Manifest | None:
    try:
        return read_manifest(out)
    except StorageError:  # it may be there all the same
        raise
    except DatasetError:
        return None


def _same(build: Build, found: Manifest | None) -> Manifest | None:
    """The manifest if it is this build's and all its files are there."""
    if found is None or found.identity != build.identity or not build.pinned:
        return None
    return found if found.whole(build.config.out) else None


def _telling(difference: tuple[str, Any, Any]) -> int:
    """The rank of a difference: an environment's own id says more than a threshold that follows from it."""
    order = ("environment.id", "expert.name", "environment", "expert", "config")
    return next((rank for rank, key in enumerate(order) if difference[0].startswith(key)), len(order))


def _differences(ours: Any, theirs: Any, key: str = "") -> Any:
    """(key, ours, theirs) of every leaf that differs, but for those that may grow."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in sorted({*ours, *theirs}):
            if not (key == "config" and name in ("episodes", "max_attempts")):
                path = f"{key}.{name}" if key else name
                yield from _differences(ours.get(name), theirs.get(name), path)
    elif ours != theirs:
        yield key, ours, theirs
