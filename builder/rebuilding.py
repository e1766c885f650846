"""`build manifest=PATH`: what a manifest describes, as overrides; and what a stranger's may not do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.card.rebuild import ARCHIVE, rebuild_overrides
from builder.dataset.manifest import NAME, Manifest, read_manifest
from builder.errors import ConfigError, DatasetError

KEY = "manifest"
FREE = (
    "out",
    "mode",
    "parallel",
    "rollout.lanes",
    "hub",
    "overwrite",
    "keep_chunks",
    "verify_sample",
    "debug",
    "expert.path",
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
    given = _flat(config) if isinstance(config, Mapping) else dict(_pair(text) for text in config)
    path = given.pop(KEY, None)
    if path is None or path == "null":
        return None, None
    for key in given:
        if not any(key == free or key.startswith(f"{free}.") for free in FREE):
            raise ConfigError(
                f"{key} is what the manifest says already",
                remedy=f"leave it out; beside {KEY}= these can be given: {', '.join(FREE)}",
            )
    found = Path(str(path).strip("'\"")).expanduser()
    folder = found.parent if found.name == NAME else found
    manifest = read_manifest(folder)
    trusted = str(given.pop(TRUST, "false")).lower() == "true"
    check_trust(manifest, ("environment", "expert"), trusted=trusted)
    overrides = overrides_of(manifest)
    if overrides is None:
        raise DatasetError(
            f"no command makes the dataset of {found}: its expert or its functions were a program's own",
            remedy="run that program again",
        )
    if any(ARCHIVE in text for text in overrides) and "expert.path" not in given:
        expert = manifest.inputs["expert"]
        raise ConfigError(
            f"the manifest does not say where the archive of {expert['name']!r} lies",
            expected=f"sha256 {expert.get('sha256')}",
            remedy="give expert.path=",
        )
    kept = [text for text in overrides if not (ARCHIVE in text and "expert.path" in given)]
    return [*kept, *(f"{key}={value}" for key, value in given.items())], manifest


def overrides_of(manifest: Manifest) -> list[str] | None:
    """The overrides that make a dataset again; None where none do."""
    return rebuild_overrides(manifest)


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
    named = []
    env_id = str(inputs.get("environment", {}).get("id", ""))
    if "environment" in parts and ":" in env_id:
        named.append(f"the module of the environment {env_id}")
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


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys and values as overrides have them."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str | Path):
            found[f"{prefix}{key}"] = str(value)
        else:
            found[f"{prefix}{key}"] = json.dumps(value)
    return found
