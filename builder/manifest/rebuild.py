"""`build manifest=PATH`: what a manifest describes, as overrides; and what a stranger's may not do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.environments.wrappers import wrapper_specs
from builder.errors import ConfigError, DatasetError
from builder.experts.sources.portable import DESCRIPTION, WEIGHTS
from builder.experts.sources.source import ARCHIVE, STATISTICS
from builder.manifest.manifest import MANIFEST, Manifest, manifest_sha256, read_manifest
from builder.manifest.overrides import rebuild_overrides
from builder.storage.digest import file_sha256
from builder.storage.paths import AnyPath, place

KEY = "manifest"
FREE = (
    "out",
    "mode",
    "parallel",
    "rollout.lanes",
    "env.instances",
    "hub",
    "overwrite",
    "keep_chunks",
    "verify_sample",
    "debug",
    "expert.path",
    "expert.vec_normalize",
    "expert.trust_remote_code",
)
"""Keys, with all below them, that say where and on what, or whom to trust; all others are the manifest's."""
TRUST = "expert.trust_remote_code"


def with_manifest(config: Mapping[str, Any] | Sequence[str]) -> tuple[list[str] | None, Manifest | None]:
    """The overrides that a configuration with `manifest=PATH` stands for, and that manifest.

    Returns:
        (None, None) where the configuration names no manifest.

    Raises:
        ConfigError: it also gives what only the manifest can say.
        DatasetError: the manifest cannot be read, or no command makes what it describes.
    """
    named = config.get(KEY) if isinstance(config, Mapping) else dict(map(_pair, config)).get(KEY)
    if named is None or named == "null":
        return None, None
    given = _flat(config) if isinstance(config, Mapping) else dict(map(_pair, config))
    path = given.pop(KEY)
    _refuse_what_it_says(given)
    found = place(path.strip("'\""))
    folder = found.parent if found.name == MANIFEST else found
    manifest = read_manifest(folder)
    _refuse_an_edited(manifest, folder)
    # Trust in what a manifest names does not choose another loader for its expert: that is the manifest's.
    trusted = given.pop(TRUST, "false").lower() == "true"
    check_trust(manifest, ("environment", "expert"), trusted=trusted)
    included = folder / "expert"
    if isinstance(included, Path) and _is_included(included, manifest, given.get("expert.path")):
        given.pop("expert.path", None)
        overrides = rebuild_overrides(manifest, included=str(included))
    else:
        overrides = rebuild_overrides(manifest)
    if overrides is None:
        raise DatasetError(
            f"no command makes the dataset of {found}: its expert or its functions were a program's own",
            remedy="run that program again",
        )
    overrides = _with_archive(overrides, manifest, given)
    # What was built is compared byte by byte: a published return says nothing beside that.
    checked = [*overrides, "expert.check=off"]
    return [*checked, *(f"{key}={value}" for key, value in given.items())], manifest


def _is_included(folder: Path, manifest: Manifest, path: str | None) -> bool:
    """Whether the expert is to come from the dataset itself, which holds it as the manifest says."""
    asked_for = path is None or Path(path.strip("'\"")).expanduser().resolve() == folder.resolve()
    return asked_for and stands_in(folder, manifest)


def stands_in(folder: Path, manifest: Manifest) -> bool:
    """Whether a folder holds, byte by byte, the expert that a manifest lists among its dataset's files."""
    for name in (DESCRIPTION, WEIGHTS):
        entry, path = manifest.files.get(f"expert/{name}"), folder / name
        if entry is None or not path.is_file() or path.stat().st_size != entry.size:
            return False
        if file_sha256(path) != entry.sha256:
            return False
    return True


def _refuse_an_edited(manifest: Manifest, folder: AnyPath) -> None:
    if manifest.sha256 and manifest.sha256 != (got := manifest_sha256(manifest)):
        raise DatasetError(
            f"the manifest of {folder} has been edited: its sha256 is not that of its content",
            expected=manifest.sha256,
            got=got,
            remedy="take the one that was published; or give the build's own keys instead of manifest=",
        )


def _refuse_what_it_says(given: Mapping[str, str]) -> None:
    for key in given:
        if not any(key == free or key.startswith(f"{free}.") for free in FREE):
            raise ConfigError(
                f"{key} is what the manifest says already",
                remedy=f"leave it out; beside {KEY}= these can be given: {', '.join(FREE)}",
            )


def _with_archive(overrides: Sequence[str], manifest: Manifest, given: Mapping[str, str]) -> list[str]:
    """The overrides without the places of files, which no manifest knows and the user must give."""
    expert = manifest.inputs["expert"]
    files = {
        "expert.path": (ARCHIVE, "archive", expert.get("sha256")),
        "expert.vec_normalize": (STATISTICS, "statistics file", _statistics_sha256(expert)),
    }
    for key, (stands_for, what, sha256) in files.items():
        if f"{key}={stands_for}" in overrides and key not in given:
            raise ConfigError(
                f"the manifest does not say where the {what} of {expert['name']!r} lies",
                expected=f"sha256 {sha256}",
                remedy=f"give {key}=",
            )
    stand_ins = {f"{key}={stands_for}" for key, (stands_for, _, _) in files.items()}
    return [text for text in overrides if text not in stand_ins]


def _statistics_sha256(expert: Mapping[str, Any]) -> Any:
    """What the statistics of an archive must be, where their place was said."""
    return expert.get("beside", {}).get(expert.get("vec_normalize"))


def check_trust(manifest: Manifest, parts: Sequence[str], *, trusted: bool) -> None:
    """Refuse to import or run what only the manifest names.

    Args:
        manifest: of whoever built the dataset.
        parts: what is about to be made: environment, expert.
        trusted: the user has said so.

    Raises:
        DatasetError: it would be imported or run.
    """
    if trusted:
        return
    inputs = manifest.inputs
    named: list[str] = []
    environment = inputs.get("environment", {})
    ids = [str(environment.get("id", "")), str(environment.get("mapping", {}).get("trained_on", ""))]
    if "environment" in parts:
        named.extend(f"the module of the environment {env_id}" for env_id in ids if ":" in env_id)
        named.extend(
            f"the wrapper {spec.path}"
            for spec in wrapper_specs(environment.get("wrappers", ()))
            if not spec.harmless
        )
    expert = inputs.get("expert", {})
    if "expert" in parts and expert.get("target"):
        named.append(f"the expert {expert['target']}")
    if "expert" in parts and expert.get("trust_remote_code"):
        named.append(f"what the archive of {expert.get('name')} carries")
    if named:
        raise DatasetError(
            f"the manifest would have {' and '.join(named)} imported and run",
            remedy="if you trust whoever wrote it, add expert.trust_remote_code=true",
        )


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.lstrip("+").partition("=")
    return key, value


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted keys and values as overrides have them."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str | Path):
            found[f"{prefix}{key}"] = str(value)
        else:
            found[f"{prefix}{key}"] = json.dumps(value)
    return found
