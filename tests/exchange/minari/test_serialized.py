"""Spaces in Minari's JSON, and back."""

import json

import gymnasium as gym
import kinds
import numpy as np
import pytest
from sweeps import case

from builder.errors import ConfigError, DatasetError
from builder.exchange.minari.serialized import space_of, space_text

SPACES = {
    **{f"observed-{kind}": space for kind, space in kinds.OBSERVED.items()},
    **{f"done-{kind}": space for kind, space in kinds.DONE.items()},
    "uneven": gym.spaces.Box(np.array([-np.inf, 0], np.float32), np.array([1, np.inf], np.float32)),
    "grid": gym.spaces.MultiBinary([2, 3]),
}


def test_a_space_comes_back_as_it_was():
    for name, space in SPACES.items():
        with case(name):
            assert space_of(space_text(space), "x") == space


def test_infinities_are_bare_as_minari_writes_them():
    assert '"low": [-Infinity, -Infinity]' in space_text(kinds.OBSERVED["float64"])


def test_a_discrete_space_of_an_older_version_begins_at_zero():
    assert space_of('{"type": "Discrete", "n": 3}', "x") == gym.spaces.Discrete(3)


@pytest.mark.parametrize("key", ["a/b", "", "."])
def test_a_key_that_hdf5_cannot_name_is_refused(key):
    with pytest.raises(ConfigError, match="cannot hold the key"):
        space_text(gym.spaces.Dict({key: kinds.BOX}))


NO_SPACES = [
    3,
    "{",
    json.dumps({"type": "Text", "max_length": 3}),
    json.dumps({"type": "Box", "shape": [10**9], "dtype": "float64", "low": 0, "high": 1}),
    json.dumps({"type": "Tuple", "subspaces": 3}),
    json.dumps({"type": "Box", "shape": [1], "dtype": "O", "low": [0], "high": [1]}),
    '{"type": "Tuple", "subspaces": ' * 900 + "[]" + "}" * 900,
]


def test_what_is_no_space_is_refused():
    for text in NO_SPACES:
        with case(text), pytest.raises(DatasetError, match="x is no space"):
            space_of(text, "x")
