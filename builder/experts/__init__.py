"""Experts: where they come from, what their archives say, and how they act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builder.experts.sources.weights_writer import save_weights

__all__ = ["save_weights"]


def __getattr__(name: str) -> Any:
    """`save_weights`, imported when it is first used."""
    if name != "save_weights":
        raise AttributeError(f"module 'builder.experts' has no attribute {name!r}")
    from builder.experts.sources import weights_writer

    return weights_writer.save_weights
