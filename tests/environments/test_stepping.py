"""What `step` is given is its own, and what it gives is stored exactly or refused."""

import gymnasium as gym
import numpy as np
import pytest

from builder.environments.stepping import action_values, store
from builder.episodes.spaces import leaves
from builder.errors import SpaceError

NESTED = gym.spaces.Dict(
    turn=gym.spaces.Discrete(3), push=gym.spaces.Tuple([gym.spaces.Box(-1, 1, (2,), np.float32)])
)


def stored(space, *values):
    (leaf,) = leaves(space)
    column = np.zeros((len(values), *leaf.shape), leaf.dtype)
    store(leaf, column, list(values))
    return column


def test_an_environment_may_write_into_the_action_that_it_gets():
    column = np.ones((2, 3), np.float32)
    for action in action_values(gym.spaces.Box(-1, 1, (3,)), [column]):
        action[:] = 0
    assert column.all()


def test_a_nested_action_has_the_structure_of_its_space():
    columns = {"push.0": np.array([[0.5, -0.5]], np.float32), "turn": np.array([2])}
    (action,) = action_values(NESTED, [columns[leaf.name] for leaf in leaves(NESTED)])
    assert NESTED.contains(action)
    assert (action["turn"], action["push"][0].tolist()) == (2, [0.5, -0.5])


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_a_value_of_the_leafs_own_dtype_is_stored_as_it_is(shape):
    values = [np.full(shape, number, np.float32) for number in (0.1, np.nan, np.inf)]
    found = stored(gym.spaces.Box(-np.inf, np.inf, shape), *values)
    assert found.tobytes() == np.stack(values).tobytes()


def test_a_wider_dtype_is_taken_where_it_changes_no_value():
    space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    assert stored(space, np.array([0.5, np.nan])).dtype == np.float32
    assert stored(gym.spaces.Discrete(3), 2).tolist() == [2]


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.array([0.1, 0.2]), "float64[2]"),  # which float32 cannot hold
        (np.zeros(3, np.float32), "float32[3]"),
        (np.zeros((1, 2), np.float32), "float32[1, 2]"),
        (np.array([2**53 + 1, 0]), "int64[2]"),
    ],
)
def test_a_value_that_would_change_is_refused(value, got):
    with pytest.raises(SpaceError, match="observation space does not declare") as caught:
        stored(gym.spaces.Box(-np.inf, np.inf, (2,), np.float32), value)
    assert (caught.value.expected, caught.value.got) == ("float32[2]", got)


def test_an_environment_that_is_careless_with_its_dtype_is_told_of_the_wrapper_that_rounds():
    with pytest.raises(SpaceError, match=r"path: DtypeObservation, kwargs: \{dtype: float32\}"):
        stored(gym.spaces.Box(-np.inf, np.inf, (2,), np.float32), np.array([0.1, 0.2]))
    with pytest.raises(SpaceError) as caught:
        stored(gym.spaces.Box(-np.inf, np.inf, (2,), np.float32), np.zeros(3))
    assert "DtypeObservation" not in str(caught.value)


def test_the_leaf_of_a_nested_space_is_named():
    leaf = leaves(NESTED)[0]
    with pytest.raises(SpaceError, match=rf"\(at {leaf.name}\)"):
        store(leaf, np.zeros((1, *leaf.shape), leaf.dtype), [np.zeros(9)])
