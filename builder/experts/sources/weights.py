"""`expert=weights`: layers and tensors of whatever framework, in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.experts.published import RESULT_FILES, read_published
from builder.experts.sources.expert import Expert
from builder.experts.sources.files import Archived, bounded_sha256, check_digest, expert_of_archived
from builder.experts.sources.source import Quote, Rebuilt, Source, algorithm
from builder.experts.sources.statistics_files import files_beside
from builder.experts.sources.weights_folder import DESCRIPTION, folder_files, read_folder
from builder.storage.limits import EXPERT_BYTES, WEIGHTS_BYTES
from builder.storage.paths import expanded

FOLDER = "path/to/folder"
"""Stands for the path of such a folder, which no manifest holds."""


class WeightsSource(Source):
    """A folder of this machine with `expert.json` and the tensors that it names."""

    name = "weights"
    needs = "path"
    contained = False

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        folder = _folder(config)
        files = folder_files(folder)
        digest = bounded_sha256(dict(zip(files, (EXPERT_BYTES, WEIGHTS_BYTES), strict=True)))
        check_digest(config, folder.name, digest)
        found = read_folder(folder)
        algo = found.agent.algorithm or config.algo
        published = read_published(folder)
        archived = Archived(files[0], digest, found.agent, found.companions, published, algo)
        return expert_of_archived(config, archived)

    def files(self, config: ExpertConfig) -> list[Path] | None:
        if not config.path:
            return None
        description, tensors = folder_files(_folder(config))
        return sorted(files_beside(description, {description.name, tensors.name, *RESULT_FILES}))

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        values = {"sha256": identity["sha256"], **algorithm(identity)}
        return Rebuilt(self.name, values, missing={"path": FOLDER})

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        return "from a local folder of layers and tensors"


def _folder(config: ExpertConfig) -> Path:
    """The folder, of which `expert.path` may also name `expert.json`."""
    path = expanded(str(config.path))
    return path.parent if path.name == DESCRIPTION and path.is_file() else path
