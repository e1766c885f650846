"""The sources of experts: one table, one entry each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.errors import ConfigError
from builder.experts.sources.bundled import BundledSource
from builder.experts.sources.cleanrl import CleanRLSource
from builder.experts.sources.expert import Expert
from builder.experts.sources.hub import HubSource
from builder.experts.sources.local import LocalSource
from builder.experts.sources.onnx import OnnxSource
from builder.experts.sources.python import PythonSource
from builder.experts.sources.random import RandomSource
from builder.experts.sources.registered import RegisteredSource
from builder.experts.sources.sample_factory import SampleFactorySource
from builder.experts.sources.source import Source
from builder.experts.sources.weights import WeightsSource

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        BundledSource(),
        LocalSource(),
        HubSource(),
        CleanRLSource(),
        SampleFactorySource(),
        WeightsSource(),
        OnnxSource(),
        PythonSource(),
        RandomSource(),
        RegisteredSource(),
    )
}
"""By `expert.source`."""


class _Unknown(Source):
    """What a manifest of another version, or of anybody, may name."""

    name = "unknown"

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        raise ConfigError("expert.source is unknown", expected=" or ".join(SOURCES), got=repr(config.source))


_UNKNOWN = _Unknown()


def source_named(name: str) -> Source:
    """The source of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SOURCES:
        raise ConfigError("expert.source is unknown", expected=" or ".join(SOURCES), got=repr(name))
    return SOURCES[name]


def described_source(identity: Mapping[str, Any]) -> Source:
    """The source that an expert in a manifest names; one that knows nothing where there is none such."""
    return SOURCES.get(str(identity.get("source")), _UNKNOWN)
