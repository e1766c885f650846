"""Turns a published expert policy into a reproducible, verified imitation-learning dataset.

The public names are imported when they are first used: `import builder` alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builder.api import build, load, merge, relabel
    from builder.episodes.context import Context
    from builder.episodes.episode import Episode
    from builder.errors import BuilderError
    from builder.experts.policy import Experts, Policy
    from builder.experts.sources.weights_writer import save_weights
    from builder.loading.trajectories import Trajectories
    from builder.pipeline.collate import collate
    from builder.pipeline.controller import Controller
    from builder.rollout.enjoy import enjoy

__version__ = "0.2.0"  # `builder.versions.RELEASE` says the same

_HOMES = {
    "BuilderError": "builder.errors",
    "Context": "builder.episodes.context",
    "Controller": "builder.pipeline.controller",
    "Episode": "builder.episodes.episode",
    "Experts": "builder.experts.policy",
    "Policy": "builder.experts.policy",
    "Trajectories": "builder.loading.trajectories",
    "build": "builder.api",
    "collate": "builder.pipeline.collate",
    "enjoy": "builder.rollout.enjoy",
    "load": "builder.api",
    "merge": "builder.api",
    "relabel": "builder.api",
    "save_weights": "builder.experts.sources.weights_writer",
}

__all__ = [
    "BuilderError",
    "Context",
    "Controller",
    "Episode",
    "Experts",
    "Policy",
    "Trajectories",
    "build",
    "collate",
    "enjoy",
    "load",
    "merge",
    "relabel",
    "save_weights",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'builder' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
