"""What lies beside a dataset folder."""

from __future__ import annotations

from typing import TypeVar

from builder.storage.paths import AnyPath

SomePath = TypeVar("SomePath", bound=AnyPath)


BUILD = "build.json"
"""Beside the chunks: what collation needs to know of the build."""


def chunk_folder(out: SomePath) -> SomePath:
    """The chunk store that serves a dataset folder."""
    return beside(out, "chunks")


def metrics_path(out: SomePath) -> SomePath:
    """Timings and counts of the last build, beside the dataset folder."""
    return beside(out, "metrics.json")


def request_path(out: SomePath) -> SomePath:
    """What the dataset folder was built for (`builder.pipeline.up_to_date`), beside it."""
    return beside(out, "request.json")


def beside(out: SomePath, suffix: str) -> SomePath:
    """What serves a dataset folder under this name: `.NAME.SUFFIX`."""
    return out.parent / f".{out.name}.{suffix}"  # type: ignore[return-value]  # of the kind of `out`
