"""`expert.source=bundled`: the archives that come with this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.experts.policy import BUNDLED, configured
from builder.experts.sources.expert import Expert
from builder.experts.sources.files import archive_code, archive_files, archive_values, expert_in_files
from builder.experts.sources.source import Quote, Rebuilt, Source


class BundledSource(Source):
    """An archive of `experts/bundled/`."""

    name = "bundled"
    needs = "path"
    here = True

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        return expert_in_files(config, BUNDLED / str(config.path), surrounded=False)

    def files(self, config: ExpertConfig) -> list[Path] | None:
        return archive_files(BUNDLED / config.path) if config.path else None

    def runs(self, config: ExpertConfig) -> list[str]:
        return archive_code(config)

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        known = configured().get(identity["name"])
        if known is None or known["source"] != self.name:
            return None
        return Rebuilt(identity["name"], archive_values(identity))

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        return "bundled with il-builder"
