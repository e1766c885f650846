"""What lies beside a dataset folder, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from builder.storage.paths import AnyPath

SomePath = TypeVar("SomePath", bound=AnyPath)


BUILD = "build.json"
"""Among the chunks: what collation needs to know of the build."""


@dataclass(frozen=True)
class Layout(Generic[SomePath]):
    """A dataset folder, and all that a build may leave beside it: `.NAME.` and a word.

    Attributes:
        out: the dataset folder, of this machine or behind a URL.
        chunks: the chunk store that serves it.
        lock: in that store: held while its dataset is built.
        metrics: timings and counts of the last build.
        request: what the dataset was built for (`builder.pipeline.up_to_date`).
        staging: where the next content is put together, on this machine.
        retired: where the last content lies while the next one takes its place.
        unfinished: behind a URL: there while the files go one by one.
    """

    out: SomePath
    chunks: SomePath
    lock: SomePath
    metrics: SomePath
    request: SomePath
    staging: SomePath
    retired: SomePath
    unfinished: SomePath

    @staticmethod
    def of(out: SomePath) -> Layout[SomePath]:
        """What lies beside a dataset folder."""
        words = ("chunks", "chunks/lock", "metrics.json", "request.json", "staging", "retired", "unfinished")
        return Layout(out, *(out.parent / f".{out.name}.{word}" for word in words))  # type: ignore[arg-type]
