"""`il_builder.json` beside exported data: nothing is lost unsaid, and there is a way back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.episodes.spaces import Spaces, from_description
from builder.errors import DatasetError
from builder.exchange.contract import Loss, Source
from builder.manifest.schema import violations
from builder.storage.limits import MANIFEST_BYTES
from builder.storage.plain_json import read_json
from builder.versions import RELEASE

NOTE = "il_builder.json"
"""In an exported folder; of an exported file `NAME` it is `NAME.il_builder.json` beside it."""
MADE_BY = "il-builder"
SPLITS = ("train", "test")
REQUEST = ("format", "options", "fingerprint", "episodes")
"""What decides the content of an export."""


def note_path(target: Path, *, folder: bool) -> Path:
    """Where the note of an export lies."""
    return target / NOTE if folder else target.parent / f"{target.name}.{NOTE}"


def note_of(
    source: Source, format_name: str, options: Mapping[str, Any], losses: Iterable[Loss]
) -> dict[str, Any]:
    """What is written beside the data, less the sha256 of its files."""
    manifest = source.manifest
    return {
        "made_by": MADE_BY,
        "version": RELEASE,
        "format": format_name,
        "options": dict(options),
        "fingerprint": manifest.fingerprint,
        "identity": manifest.identity,
        "episodes": {name: list(chosen) for name, chosen in source.chosen.items()},
        "dropped": [{"what": loss.what, "why": loss.why} for loss in losses],
        "inputs": manifest.inputs,
        "observation_space": manifest.observation_space,
        "action_space": manifest.action_space,
        "come_back": f"il-builder import from={format_name} path=THIS out=FOLDER",
    }


@dataclass(frozen=True)
class Carried:
    """What a note tells whoever reads the data again.

    Attributes:
        spaces: what was observed, and what was done.
        inputs: of the manifest.
        fingerprint: of the dataset that was exported.
        episodes: how many of each split, in their order.
    """

    spaces: Spaces
    inputs: Mapping[str, Any]
    fingerprint: str
    episodes: Mapping[str, int] = field(default_factory=dict)

    def split_of(self, index: int) -> str:
        """The split of the episode that was written so many after the first."""
        for name, count in self.episodes.items():
            if index < count:
                return name
            index -= count
        return "train"

    @property
    def environment(self) -> Mapping[str, Any] | None:
        """As a manifest describes it."""
        found: Mapping[str, Any] | None = self.inputs.get("environment")
        return found

    @property
    def policy(self) -> str:
        """Who played."""
        return str(self.inputs.get("expert", {}).get("name", ""))

    @property
    def license(self) -> str | None:
        """What the dataset stated."""
        found: str | None = self.inputs.get("config", {}).get("dataset", {}).get("license")
        return found


def read_note(path: Path) -> Mapping[str, Any] | None:
    """A note as it was written; None: there is none.

    Raises:
        DatasetError: it is none of ours, or damaged.
    """
    try:
        content = read_json(path, MANIFEST_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {str(error)[:200]}") from error
    if not isinstance(content, dict) or content.get("made_by") != MADE_BY:
        raise DatasetError(f"{path} is no note of an export")
    return content


def carried(path: Path) -> Carried | None:
    """What the note at a path tells, once it has passed the schema of a manifest; None: there is none.

    Raises:
        DatasetError: it is none of ours, or damaged.
    """
    content = read_note(path)
    if content is None:
        return None
    for part in ("inputs", "observation_space", "action_space", "fingerprint"):
        for wrong in violations("manifest", content.get(part), part):
            raise DatasetError(f"{path} is damaged: {wrong}")
    spaces = Spaces(*(from_description(content[part]) for part in ("observation_space", "action_space")))
    return Carried(spaces, content["inputs"], content["fingerprint"], _counts(content, path))


def _counts(content: Mapping[str, Any], path: Path) -> dict[str, int]:
    episodes = content.get("episodes", {})
    if not isinstance(episodes, dict) or not all(
        name in SPLITS and isinstance(chosen, list) for name, chosen in episodes.items()
    ):
        raise DatasetError(f"{path} is damaged: its episodes are no lists by split")
    ordered = sorted(episodes, key=lambda name: (name != "train", name))  # as they are exported; JSON sorts
    return {name: len(episodes[name]) for name in ordered}


def note_text(note: Mapping[str, Any]) -> str:
    """A note as its file holds it."""
    return json.dumps(note, indent=1, sort_keys=True) + "\n"
