"""Spaces of an archive, as gym and gymnasium pickled them, without unpickling."""

import pickle
import tracemalloc

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest
from sweeps import case

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.inert_pickle import decode
from builder.experts.archive.spaces import read_space

BOX = gym.spaces.Box(-1, 2, (2, 3), np.float32)


def read(space):
    return read_space(decode(cloudpickle.dumps(space), "spaces").value, "spaces")


def spoilt(space, **state):
    for name, value in state.items():
        setattr(space, name, value)
    return space


SPACES = [
    BOX,
    gym.spaces.Box(0, 255, (4, 4, 3), np.uint8),
    gym.spaces.Discrete(3),
    gym.spaces.Discrete(3, start=-1),
    gym.spaces.MultiDiscrete([2, 5]),
    gym.spaces.MultiDiscrete([2, 5], start=[1, -1]),
    gym.spaces.MultiBinary(4),
    gym.spaces.MultiBinary([2, 3]),
    gym.spaces.Dict(goal=BOX, mode=gym.spaces.Discrete(2)),
]


def test_a_space_is_read_as_it_was():
    for space in SPACES:
        with case(space):
            assert read(space) == space


@pytest.mark.parametrize(
    "space",
    [gym.spaces.Text(3), gym.spaces.Tuple([BOX]), gym.spaces.Graph(BOX, None)],
    ids=lambda space: type(space).__name__,
)
def test_a_kind_that_sb3_does_not_take_is_named(space):
    with pytest.raises(UnsupportedExpertError, match=f"spaces: a {type(space).__name__} space; expected Box"):
        read(space)


def test_spaces_inside_spaces_are_refused():
    with pytest.raises(UnsupportedExpertError, match="spaces inside spaces; expected one level"):
        read(gym.spaces.Dict(a=gym.spaces.Dict(b=BOX)))


DAMAGED = [
    spoilt(gym.spaces.Box(-1, 1, (2,)), low=np.full(2, np.nan, np.float32)),
    spoilt(gym.spaces.Box(-1, 1, (2,)), low=np.full(2, 3, np.float32)),
    spoilt(gym.spaces.Box(-1, 1, (2,)), high=np.ones(3, np.float32)),
    spoilt(gym.spaces.Discrete(3), n=np.int64(0)),
    spoilt(gym.spaces.Discrete(3), n=np.int64(2**40)),
    spoilt(gym.spaces.MultiDiscrete([2]), nvec=np.array([0])),
    spoilt(gym.spaces.MultiDiscrete([2]), nvec=np.array([[2]])),
    spoilt(gym.spaces.MultiBinary(4), n=-1),
    spoilt(gym.spaces.Dict(a=BOX), spaces={}),
]


def test_a_damaged_space_is_refused():
    for space in DAMAGED:
        with case(space), pytest.raises(ArchiveError, match=r"spaces: a damaged \w+ space"):
            read(space)


@pytest.mark.parametrize("record", [3, "Box", None, []])
def test_what_is_no_space_is_said_to_be_missing(record):
    with pytest.raises(ArchiveError, match="spaces: a space is missing"):
        read_space(decode(pickle.dumps(record), "spaces").value, "spaces")


@pytest.mark.parametrize("lengths", [[2**24, 24], [2**13, 2**13], [2] * 30, []], ids=str)
def test_the_bits_of_all_dimensions_together_are_bounded(lengths):
    space = gym.spaces.MultiBinary(2)
    space.n = tuple(lengths)
    with pytest.raises(ArchiveError, match="a damaged MultiBinary space"):
        read(space)


def test_boxes_made_of_the_same_bytes_are_counted_each():
    """A pickle holds an array once, however often it is named."""
    large = gym.spaces.Box(0, 1, (1 << 21,), np.float64)
    space = gym.spaces.Dict({"a": large})
    space.spaces = {str(index): large for index in range(40)}
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match=r"more than 33554432 bytes"):
            read(space)
        assert tracemalloc.get_traced_memory()[1] < 500 << 20
    finally:
        tracemalloc.stop()
