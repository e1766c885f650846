"""Hypothesis strategies: every kind of space that can be recorded."""

import gymnasium as gym
import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

WHOLE = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
FLOATS = [np.float16, np.float32, np.float64]
shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)


def _limits(dtype, *, widest):
    """The least and the greatest whole number of a dtype; gymnasium cannot sample all of 64 bits."""
    info = np.iinfo(dtype)
    if widest:
        return int(info.min), int(info.max)
    return max(int(info.min), -(2**60)), min(int(info.max), 2**60)


@st.composite
def _boxes(draw, *, widest):
    dtype, shape = np.dtype(draw(st.sampled_from([*WHOLE, *FLOATS]))), draw(shapes)
    if dtype.kind == "f":
        elements = hnp.from_dtype(dtype, allow_nan=False)
        if not widest:  # numpy warns of bounds so far apart that their distance is infinite
            elements = elements.filter(lambda bound: np.isinf(bound) or abs(bound) < 1e4)
    else:
        elements = st.integers(*_limits(dtype, widest=widest))
    if draw(st.booleans()):  # one bound for all, as most environments have it
        pair = [np.full(shape, draw(elements), dtype) for _ in range(2)]
    else:
        pair = [draw(hnp.arrays(dtype, shape, elements=elements)) for _ in range(2)]
    # A lower bound of +inf is no bound, and a Box refuses it.
    low, high = np.minimum(*pair), np.maximum(*pair)
    if dtype.kind == "f":
        low, high = np.where(low == np.inf, 0, low), np.where(high == -np.inf, 0, high)
        low, high = low.astype(dtype), high.astype(dtype)
    return gym.spaces.Box(low, high, shape, dtype.type)


@st.composite
def _discretes(draw, *, widest):
    dtype = draw(st.sampled_from(WHOLE))
    least, greatest = _limits(dtype, widest=widest)
    n = draw(st.integers(1, greatest))
    start = draw(st.integers(least, greatest - n))
    return gym.spaces.Discrete(n, start=start, dtype=dtype)


@st.composite
def _multi_discretes(draw):
    dtype = draw(st.sampled_from(WHOLE))
    shape = draw(st.sampled_from([(1,), (3,), (2, 2)]))
    nvec = draw(hnp.arrays(dtype, shape, elements=st.integers(1, 50)))
    start = draw(hnp.arrays(dtype, shape, elements=st.integers(0, 50)))
    return gym.spaces.MultiDiscrete(nvec, dtype=dtype, start=start)


multi_binaries = st.sampled_from([1, 4, [2, 3]]).map(gym.spaces.MultiBinary)


def _plain(*, widest):
    return st.one_of(_boxes(widest=widest), _discretes(widest=widest), _multi_discretes(), multi_binaries)


keys = st.sampled_from(["position", "b", "a", "0", "a.b", "ß"])


def _nested(inner):
    pairs = st.lists(st.tuples(keys, inner), min_size=1, max_size=3, unique_by=lambda pair: pair[0])
    return pairs.map(gym.spaces.Dict) | st.lists(inner, min_size=1, max_size=3).map(gym.spaces.Tuple)


def _names(space, name=()):
    """What its leaves are called."""
    if isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        parts = space.spaces.items() if isinstance(space, gym.spaces.Dict) else enumerate(space.spaces)
        return [found for key, part in parts for found in _names(part, (*name, str(key)))]
    return [".".join(name)]


def _told_apart(space):
    """Whether no two leaves have one name, as those of {"a": {"b": ...}, "a.b": ...} do."""
    return len(set(_names(space))) == len(_names(space))


plain_spaces = _plain(widest=True)
spaces = st.recursive(plain_spaces, _nested, max_leaves=5).filter(_told_apart)
"""Box, Discrete, MultiDiscrete, MultiBinary, and Dict (in any order of its keys) and Tuple of them."""
sampled_spaces = st.recursive(_plain(widest=False), _nested, max_leaves=5).filter(_told_apart)
"""Those of them that gymnasium can sample."""
