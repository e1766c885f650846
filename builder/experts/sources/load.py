"""From a configured expert to one that can play: found, checked, read."""

from __future__ import annotations

from pathlib import Path

from builder.config import ExpertConfig, RolloutConfig
from builder.experts.sources.expert import Expert
from builder.experts.sources.table import source_named


def load_expert(config: ExpertConfig, rollout: RolloutConfig) -> Expert:
    """Find, check and read an expert.

    Args:
        config: the expert's.
        rollout: how it shall act.

    Raises:
        ConfigError: its source is unknown, or needs a key that is not given.
        ExpertError: its file is missing, is not the expected one, or cannot be read.
    """
    source = source_named(config.source)
    source.check(config)
    return source.load(config, rollout)


def files_of(config: ExpertConfig) -> list[Path] | None:
    """All files that decide what an expert is, or might; None where more than files here does."""
    return source_named(config.source).files(config)
