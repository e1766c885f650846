"""Recorded episodes as rows, and back."""

import dataclasses

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pytest
from noting import COLUMNS
from recordings import SPACES, rows_of

from builder.dataset.column import Column
from builder.dataset.columns import EPISODES, TRANSITIONS, asked_for, present, tables_of
from builder.dataset.features import arrow_schema
from builder.dataset.schema import features
from builder.dataset.tables import table_arrays, to_rows, to_table
from builder.episodes.declared import stated
from builder.episodes.recording import flat
from builder.errors import DatasetError


def tables(rows, optional=("next_observation",)):
    return [
        to_table(columns, rows, SPACES, arrow_schema(features(columns, SPACES)))
        for columns in (present(TRANSITIONS, optional), present(EPISODES))
    ]


@pytest.mark.parametrize("optional", [(), ("next_observation",), ("next_observation", "action_mask")])
def test_episodes_come_back_from_their_rows(optional):
    rows = rows_of([2, 1, 3], masks="action_mask" in optional)
    found = to_rows(*tables(rows, optional), SPACES)
    assert (found.episode_index.tolist(), found.policies.tolist()) == ([7, 9, 11], ["mine"] * 3)
    assert found.first_row == 50
    one, other = flat(rows.recording), flat(found.recording)
    assert list(one) == list(other)
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_mask_is_a_column_of_bools_by_choice():
    (steps, _) = tables(rows_of([2, 1], masks=True), ["action_mask"])
    assert steps["action_mask"].type == pa.list_(pa.bool_(), 2)
    assert steps["action_mask"].to_pylist() == [[False, True], [True, False], [True, True]]


def test_returns_are_those_of_the_rewards_whatever_the_table_says():
    steps, episodes = tables(rows_of([2, 1]))
    place = episodes.column_names.index("episode_return")
    forged = episodes.set_column(place, "episode_return", pa.array([9.0, 9.0]))
    assert to_rows(steps, forged, SPACES).recording.returns.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("number", "name"), [(0, "reward"), (1, "length"), (1, "row_start"), (1, "policy")])
def test_a_missing_column_is_named(number, name):
    found = tables(rows_of([2, 1]))
    found[number] = found[number].drop_columns([name])
    with pytest.raises(DatasetError, match=f"the dataset has no column '{name}'"):
        to_rows(*found, SPACES)


def test_rows_of_other_episodes_are_refused():
    steps, episodes = tables(rows_of([2, 1]))
    with pytest.raises(DatasetError, match="do not add up to its steps"):
        to_rows(steps.slice(1), episodes, SPACES)


@pytest.mark.parametrize(
    ("name", "values"), [("reward", [1.0, None, 2.0]), ("reward", [1, 2, 3]), ("action", [0, None, 1])]
)
def test_a_column_of_something_else_is_refused(name, values):
    steps, episodes = tables(rows_of([2, 1]))
    forged = steps.set_column(steps.column_names.index(name), name, pa.array(values))
    with pytest.raises(DatasetError, match="does not hold the values of its space"):
        to_rows(forged, episodes, SPACES)


def test_arrays_of_a_table_go_by_the_names_of_their_leaves():
    space = gym.spaces.Dict(x=gym.spaces.Discrete(9), y=gym.spaces.Box(0, 1, (2,)))
    column = Column("info", lambda _: space, "extras", "what step() said", key="x")
    table = pa.table(
        {"info": pa.array([{"x": 1, "y": [0, 1]}], arrow_schema(features([column], SPACES))[0].type)}
    )
    found = table_arrays([column], table, SPACES)
    assert {name: values.tolist() for name, values in found.items()} == {
        "info.x": [1],
        "info.y": [[0.0, 1.0]],
    }


def test_declared_columns_come_back_with_their_nulls_and_texts():
    inputs = {"config": {"dataset": {}}, **stated(COLUMNS)}
    rows = rows_of([2, 1])
    extras = {
        "info.count": np.array([4, 5, 6]),
        "info.odd": np.array([[1, 2], [0, 0], [3, 4]], np.float32),
        "info.odd.valid": np.array([True, False, True]),
        "info.word": np.array(["a", "", "\u00e4"], object),
        "teacher.chosen": np.array([0.5, 0.25, 0.125]),
    }
    recording = dataclasses.replace(
        rows.recording, extras=extras, attempt_extras={"info.steps": np.array([2, 1])}
    )
    rows = dataclasses.replace(rows, recording=recording)
    steps, episodes = (
        to_table(columns, rows, SPACES, arrow_schema(features(columns, SPACES)))
        for columns in tables_of(inputs, asked_for(inputs)).values()
    )
    assert steps["info.odd"].to_pylist() == [[1.0, 2.0], None, [3.0, 4.0]]
    found = to_rows(steps, episodes, SPACES, inputs).recording
    assert np.isnan(found.extras["info.odd"][1]).all()
    for name, values in extras.items():
        there = extras["info.odd.valid"] if name == "info.odd" else slice(None)
        assert found.extras[name][there].tolist() == values[there].tolist(), name
        assert found.extras[name].dtype == values.dtype
    assert found.attempt_extras["info.steps"].tolist() == [2, 1]


def test_a_declared_column_that_the_files_lack_is_an_error_of_the_dataset():
    inputs = stated([column for column in COLUMNS if column.table == "transitions"][:1])
    with pytest.raises(DatasetError, match=f"has no column '{inputs['columns'][0]['name']}'"):
        to_rows(*tables(rows_of([2, 1])), SPACES, inputs)
