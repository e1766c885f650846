"""Columns that a build declares, in its inputs and back."""

import gymnasium as gym
import numpy as np
import pytest
from noting import COLUMNS, ODD, WORD

from builder.episodes.declared import Declared, declared, spaces_with, stated
from builder.errors import SpaceError

PAIR = gym.spaces.Discrete(2), gym.spaces.Discrete(3)


def test_declared_columns_come_back_from_the_inputs():
    assert declared(stated(COLUMNS)) == COLUMNS


def test_inputs_without_any_say_nothing():
    assert stated(()) == {}
    assert declared({}) == ()


def test_a_column_has_an_array_for_each_leaf_and_one_for_where_it_is_null():
    space = gym.spaces.Dict(x=gym.spaces.Discrete(2), y=gym.spaces.Box(0, 1, (3,)))
    assert Declared("policy_observation", space).arrays == ("policy_observation.x", "policy_observation.y")
    assert ODD.arrays == ("info.odd", "info.odd.valid")
    assert WORD.arrays == ("info.word",)


def test_blank_arrays_are_of_its_space():
    found = ODD.blank(4)
    assert {name: (array.dtype, array.shape) for name, array in found.items()} == {
        "info.odd": (np.float32, (4, 2)),
        "info.odd.valid": (bool, (4,)),
    }
    assert WORD.blank(1)["info.word"].tolist() == [""]


def test_the_spaces_of_a_dataset_know_its_columns_and_are_a_pair_still():
    spaces = spaces_with(stated(COLUMNS), *PAIR)
    assert (tuple(spaces), spaces.declared, spaces.shown) == (PAIR, COLUMNS, None)
    assert spaces_with({}, *PAIR).declared == ()


def test_a_kind_that_is_no_space_is_refused():
    forged = {"columns": [{"name": "info.x", "kind": {"type": "Graph"}, "table": "transitions"}]}
    with pytest.raises(SpaceError, match="not the description of a space"):
        declared(forged)


def column(name, *shape, **more):
    kind = {"type": "Box", "dtype": "float64", "shape": list(shape), "low": "-inf", "high": "inf"}
    return {"name": name, "kind": kind, "table": "transitions", **more}


def test_columns_that_are_too_large_together_are_refused_before_any_is_made():
    """Each was within the limit of one space, and 500 of them took 37 GB."""
    with pytest.raises(SpaceError, match="more than 33554432 bytes"):
        declared({"columns": [column(f"info.k{index}", 1 << 21) for index in range(3)]})
    assert len(declared({"columns": [column(f"info.k{index}", 1 << 10) for index in range(3)]})) == 3


@pytest.mark.parametrize(
    "columns",
    [
        [column("info.x"), column("info.x")],
        [column("info.x", nullable=True), column("info.x.valid")],
    ],
    ids=["twice", "valid"],
)
def test_two_columns_of_one_name_are_refused(columns):
    with pytest.raises(SpaceError, match=r"both called 'info\.x"):
        declared({"columns": columns})


def test_a_column_of_each_table_may_have_the_same_name():
    columns = [column("info.x"), {**column("info.x"), "table": "episodes"}]
    assert [found.table for found in declared({"columns": columns})] == ["transitions", "episodes"]
