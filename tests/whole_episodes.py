"""Whole episodes in memory whose observations count on, for tests that look for what follows."""

import numpy as np
from hypothesis import strategies as st

from builder.loading.blocks import Block

LENGTHS = st.lists(st.integers(1, 5), min_size=1, max_size=6)


def block(lengths, frames=0):
    """Observations count through all episodes, final ones included: what follows is one more."""
    lengths = np.array(lengths, np.int64)
    numbers = np.split(np.arange((lengths + 1).sum()), np.cumsum(lengths + 1)[:-1])
    columns = {
        "observation.a": np.concatenate([part[:-1] for part in numbers]),
        "reward": np.arange(lengths.sum()) / 8,
    }
    finals = {"observation.a": np.array([part[-1] for part in numbers])}
    return Block(columns, lengths, np.arange(len(lengths)), finals, frames)
