"""The configuration of a merge, typed. The defaults stand in `conf/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builder.storage.paths import AnyPath


@dataclass(frozen=True)
class MergeConfig:
    """One merge (`conf/merge.yaml`).

    Attributes:
        parts: a list of folders, URLs or `user/name`, with `@0.5` behind those of which some episodes are
            taken; or of mappings: see `builder.augment.parts`.
        out: the folder of the new dataset.
        seed: of the draws.
        overwrite: replace another dataset.
        debug: show tracebacks.
    """

    parts: Any
    out: AnyPath
    seed: int = 0
    overwrite: bool = False
    debug: bool = False
