"""The configuration of a verification."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from builder.config import ArgumentsConfig, HubConfig, ParallelConfig, TrustConfig, check_word
from builder.errors import ConfigError
from builder.parallel.backends import find_backend
from builder.storage.paths import AnyPath

LEVELS = ("auto", "files", "replay", "rebuild", "baseline")


@dataclass(frozen=True)
class LabellerConfig:
    """What `rebuild` may need of the expert that has labelled a dataset.

    Attributes:
        path: its archive, which no manifest can place.
        vec_normalize: its normalisation statistics, likewise.
    """

    path: str | None = None
    vec_normalize: str | None = None


@dataclass(frozen=True)
class SwitchConfig:
    """What `rebuild` may need of the policy of `rollout.switch`.

    Attributes:
        path: its archive, which no manifest can place.
    """

    path: str | None = None


@dataclass(frozen=True)
class VerifyConfig:
    """One verification (`conf/verify.yaml`).

    Attributes:
        out: the dataset folder.
        hub: or a repository.
        level: files, replay, rebuild or baseline; auto: replay where there is one, else files.
        sample: the share of the episodes that `replay` steps again.
        parallel: on what they are stepped or played.
        expert: what `rebuild` may need.
        env: what `replay` and `rebuild` may need.
        labels: what `rebuild` may need where `relabel` made the dataset.
        switch: what `rebuild` may need where another policy played too.
        report: a folder for the dataset's figures and returns as files; unset: none.
        json: a file for all of it that other programs read; unset: none.
        signed_by: a public SSH key, or a file of signers: it must have been signed by one of them.
        parts: of a merged dataset, where those that it was made of are, as `il-builder merge` takes them;
            they are looked for beside its folder in any case.
        debug: show tracebacks.
    """

    out: AnyPath | None
    hub: HubConfig
    level: str
    sample: float
    parallel: ParallelConfig
    expert: TrustConfig
    env: ArgumentsConfig = field(default_factory=ArgumentsConfig)
    labels: LabellerConfig = field(default_factory=LabellerConfig)
    switch: SwitchConfig = field(default_factory=SwitchConfig)
    report: str | None = None
    json: str | None = None
    signed_by: str | None = None
    parts: Any = None
    debug: bool = False

    def __post_init__(self) -> None:
        check_word("level", self.level, LEVELS)
        find_backend(self.parallel.backend)
        if not 0 < self.sample <= 1:
            raise ConfigError("sample is out of range", expected="more than 0, at most 1", got=self.sample)
