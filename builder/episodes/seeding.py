"""Seeds: a pure function of (root seed, attempt), so that no attempt depends on another.

Source: `numpy.random.SeedSequence`, whose spawn keys give independent streams.
"""

from __future__ import annotations

import numpy as np

ACTION_SPACE = 0
"""Stream of the generator that samples an action space."""
SAMPLING = 1
"""Stream of the generator that samples a stochastic policy."""


def attempt_seed(root: int, index: int) -> int:
    """The seed of `env.reset` for one attempt, in [0, 2**32)."""
    return int(np.random.SeedSequence(root, spawn_key=(index,)).generate_state(1)[0])


def stream_seed(root: int, index: int, stream: int) -> int:
    """A seed in [0, 2**32) for one of an attempt's own streams."""
    return int(np.random.SeedSequence(root, spawn_key=(index, stream)).generate_state(1)[0])


def stream_generator(root: int, index: int, stream: int) -> np.random.Generator:
    """A generator for one of an attempt's own streams."""
    return np.random.default_rng(np.random.SeedSequence(root, spawn_key=(index, stream)))
