"""`expert.source=local`: an archive of the user's own, or an expert that was kept as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.experts.mixture import MIXTURE
from builder.experts.sources.checkpoints import checkpoints, is_mixture
from builder.experts.sources.expert import Expert
from builder.experts.sources.files import (
    archive_code,
    archive_files,
    archive_missing,
    archive_values,
    archives_in,
    expert_in_files,
)
from builder.experts.sources.source import ARCHIVE, ARCHIVES, Quote, Rebuilt, Source
from builder.storage.paths import expanded


class LocalSource(Source):
    """A file of this machine, or the folder that holds one."""

    name = "local"
    needs = "path"
    surrounded = True

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        path = expanded(str(config.path))
        return checkpoints(config, path) if is_mixture(path) else expert_in_files(config, path)

    def files(self, config: ExpertConfig) -> list[Path] | None:
        if not config.path:
            return None
        path = expanded(config.path)
        archives = archives_in(path) if is_mixture(path) else [path]
        return sorted(
            {
                file
                for archive in archives
                for file in archive_files(archive, vec_normalize=config.vec_normalize)
            }
        )

    def runs(self, config: ExpertConfig) -> list[str]:
        return archive_code(config)

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        path = ARCHIVES if identity.get("members") else ARCHIVE
        return Rebuilt(
            self.name, archive_values(identity), missing={"path": path, **archive_missing(identity)}
        )

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        if members := identity.get("members"):
            names = ", ".join(code(member["name"]) for member in members[:8])
            more = f" and {len(members) - 8} more" if len(members) > 8 else ""
            kind = f"a {MIXTURE} of {len(members)} local archives"
            return f"{kind} that play an attempt each in turn: {names}{more}"
        return "from a local archive"
