"""What a worker knows of the attempt that it plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from builder.episodes.seeding import SAMPLING, attempt_seed, stream_generator


@dataclass(frozen=True)
class Context:
    """One attempt: which it is, its seed, its own random generator and its log.

    Picklable; the same whatever the backend.

    Attributes:
        index: the attempt, counted from 0.
        root_seed: the build's seed.
        logs: the lines added so far; the controller shows them after the attempt.
    """

    index: int
    root_seed: int = 0
    logs: list[str] = field(default_factory=list, compare=False)

    @cached_property
    def seed(self) -> int:
        """The seed for `env.reset`, in [0, 2**32)."""
        return attempt_seed(self.root_seed, self.index)

    @cached_property
    def rng(self) -> np.random.Generator:
        """The attempt's own generator, for anything it samples."""
        return stream_generator(self.root_seed, self.index, SAMPLING)

    def add_log(self, text: str) -> None:
        """Add a line to the build's log."""
        self.logs.append(str(text))
