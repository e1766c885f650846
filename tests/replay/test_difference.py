"""The first bit in which two recordings differ, and how its place is said."""

import numpy as np
import pytest

from builder.replay.difference import Difference, first_difference, shown


def differ(expected, got):
    return first_difference(expected, got, file="data/a", episode=7)


def columns(**changed):
    plain = {"reward": np.arange(4.0), "observation": np.zeros((4, 2), np.float32), "action": np.arange(4)}
    return plain | changed


def test_equal_columns_have_no_difference_even_where_they_are_nan():
    nan = {"reward": np.array([np.nan, 1.0])}
    assert differ(columns(), columns()) is None
    assert differ(nan, {"reward": nan["reward"].copy()}) is None


def test_the_first_row_is_named_and_of_its_columns_the_first():
    observation = np.zeros((4, 2), np.float32)
    observation[2, 1] = 1
    found = differ(
        columns(),
        columns(observation=observation, action=np.array([0, 1, 9, 3]), reward=np.array([0, 1, 2, 9.0])),
    )
    assert (found.file, found.episode, found.step, found.column) == ("data/a", 7, 2, "observation")
    assert (found.expected, found.got) == ("[0.0, 0.0]", "[0.0, 1.0]")


def test_zeros_of_another_sign_differ():
    assert differ({"x": np.array([0.0])}, {"x": np.array([-0.0])}).step == 0


@pytest.mark.parametrize("side", [0, 1])
def test_the_side_that_ends_first_has_no_such_step(side):
    pair = [{"x": np.arange(3)}, {"x": np.arange(2)}]
    found = differ(pair[side], pair[1 - side])
    assert found.step == 2
    assert [found.expected, found.got][1 - side] == "no such step"


def test_another_dtype_or_shape_differs_from_the_first_row_on():
    assert differ({"x": np.arange(3)}, {"x": np.arange(3.0)}).step == 0
    assert differ({"x": np.zeros((3, 2))}, {"x": np.zeros((3, 1))}).step == 0


def test_texts_are_compared_as_texts():
    texts = np.array(["a", "b"], object)
    assert differ({"x": texts}, {"x": texts.copy()}) is None
    assert differ({"x": texts}, {"x": np.array(["a", "c"], object)}).step == 1
    assert differ({"x": texts}, {"x": np.array(["a"], object)}).step == 1


def test_a_place_is_said_from_the_file_to_the_column():
    assert str(Difference(file="data/a", episode=0, step=0, column="reward")) == (
        "file data/a, episode 0, step 0, column reward"
    )
    assert str(Difference("another size", file="data/a")) == "file data/a, another size"


def test_a_long_value_is_cut():
    text = shown(np.zeros((1, 500)), 0)
    assert len(text) == 201
    assert text.endswith("…")
