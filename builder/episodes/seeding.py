"""Seeds: a pure function of (root seed, attempt), so that no attempt depends on another.

Source: `numpy.random.SeedSequence`, whose spawn keys give independent streams.
"""

from __future__ import annotations

import numpy as np

ACTION_SPACE = 0
"""Stream of the generator that samples an action space."""
SAMPLING = 1
"""Stream of the generator that samples a stochastic policy."""
EXPERT = 2
"""Stream of a foreign expert: the seed that its `reset` or `seed` is given."""
EXPERT_GENERATORS = 3
"""Stream of the generators that a foreign expert holds: the n-th of them has the n-th child."""
EXPERT_GLOBALS = 4
"""Stream of the generators of the process that a foreign expert draws from, likewise."""
NOISE = 5
"""Stream of the noise on what is done."""
SWITCH = 6
"""Stream of who plays, where another policy than the expert plays too."""
TARGET = 8
"""Stream of the root of all that is played to find out how much noise there is to be, of attempt 0."""
OTHER = 7
"""Stream of that policy: the root of all that it draws."""


def attempt_seed(root: int, index: int) -> int:
    """The seed of `env.reset` for one attempt, in [0, 2**32)."""
    return int(np.random.SeedSequence(root, spawn_key=(index,)).generate_state(1)[0])


def stream_seed(root: int, index: int, stream: int) -> int:
    """A seed in [0, 2**32) for one of an attempt's own streams."""
    return int(np.random.SeedSequence(root, spawn_key=(index, stream)).generate_state(1)[0])


def child(root: int, index: int, stream: int, number: int) -> np.random.SeedSequence:
    """The n-th child of one of an attempt's own streams."""
    return np.random.SeedSequence(root, spawn_key=(index, stream, number))


def stream_generator(root: int, index: int, stream: int) -> np.random.Generator:
    """A generator for one of an attempt's own streams."""
    return np.random.default_rng(np.random.SeedSequence(root, spawn_key=(index, stream)))
