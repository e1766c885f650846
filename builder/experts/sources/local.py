"""`expert.source=local`: an archive of the user's own, or an expert that was kept as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.experts.sources.expert import Expert
from builder.experts.sources.files import (
    archive_code,
    archive_files,
    archive_missing,
    archive_values,
    expert_in_files,
)
from builder.experts.sources.source import ARCHIVE, Quote, Rebuilt, Source
from builder.storage.paths import expanded


class LocalSource(Source):
    """A file of this machine, or the folder that holds one."""

    name = "local"
    needs = "path"
    surrounded = True

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        return expert_in_files(config, expanded(str(config.path)))

    def files(self, config: ExpertConfig) -> list[Path] | None:
        if not config.path:
            return None
        return archive_files(expanded(config.path), vec_normalize=config.vec_normalize)

    def runs(self, config: ExpertConfig) -> list[str]:
        return archive_code(config)

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        return Rebuilt(
            self.name, archive_values(identity), missing={"path": ARCHIVE, **archive_missing(identity)}
        )

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        return "from a local archive"
