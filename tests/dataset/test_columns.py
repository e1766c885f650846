"""The table of columns: what each entry says, and that it is enough."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from places import ROOT
from recordings import SPACES, rows_of

from builder.dataset.columns import (
    EPISODES,
    TABLES,
    TRANSITIONS,
    arrays_by_name,
    asked_for,
    present,
    recorded,
)
from builder.episodes.declared import spaces_with
from builder.episodes.recording import EXTRAS, Recording
from builder.episodes.spaces import Spaces
from builder.errors import DatasetError

INPUTS = {"config": {"dataset": {"next_observation": True}}, "expert": {"action_masks": True}}


def column(name, table=TRANSITIONS):
    return next(column for column in table if column.name == name)


def test_transitions_are_computed_from_attempts_and_their_steps():
    found = arrays_by_name(present(TRANSITIONS, ["next_observation"]), rows_of([2, 1]), SPACES)
    assert {name: values.tolist() for name, values in found.items()} == {
        "episode_index": [7, 7, 9],
        "step_index": [0, 1, 0],
        "observation": [[0.0], [1.0], [2.0]],
        "action": [0, 1, 0],
        "reward": [0.0, 1.0, 2.0],
        "next_observation": [[1.0], [100.0], [101.0]],
        "terminated": [False, True, False],
        "truncated": [False, False, True],
    }


def test_episodes_are_computed_from_attempts_and_the_row_of_their_first_step():
    found = arrays_by_name(present(EPISODES), rows_of([2, 1]), SPACES)
    assert {name: values.tolist() for name, values in found.items()} == {
        "episode_index": [7, 9],
        "attempt_index": [3, 4],
        "seed": [1000, 1001],
        "policy": ["mine", "mine"],
        "length": [2, 1],
        "episode_return": [1.0, 2.0],
        "terminated": [True, False],
        "truncated": [False, True],
        "final_observation": [[100.0], [101.0]],
        "row_start": [50, 52],
        "row_end": [52, 53],
    }


@pytest.mark.parametrize("name", TABLES)
def test_each_name_stands_once_in_a_table_and_each_entry_is_whole(name):
    table = TABLES[name]
    assert len({column.name for column in table}) == len(table)
    fields = {field.name for field in dataclasses.fields(Recording)}
    for entry in table:
        assert entry.holds is None or entry.holds in fields
        assert entry.meaning
        assert entry.key or entry.holds not in EXTRAS, "extras need not have been recorded"


def test_the_fields_of_a_recording_are_held_by_one_column_each():
    held = [entry.holds for table in TABLES.values() for entry in table if entry.holds]
    expected = {field.name for field in dataclasses.fields(Recording)} - {"returns", *EXTRAS}
    assert sorted(name for name in held if name not in EXTRAS) == sorted(expected)


def test_optional_columns_are_those_that_the_inputs_switch_on():
    assert asked_for(INPUTS) == ("action_mask", "next_observation")
    assert asked_for({**INPUTS, "expert": {}}) == ("next_observation",)
    assert asked_for({"config": {"dataset": {"next_observation": False}}}) == ()
    assert asked_for({}) == asked_for({"config": None}) == ()


def test_a_function_of_the_users_own_records_no_extras():
    assert asked_for({**INPUTS, "own": {"enjoy": "x"}}) == ("next_observation",)
    assert asked_for({**INPUTS, "own": {"collate": "x"}}) == asked_for(INPUTS)


def test_a_recording_tells_which_optional_columns_it_holds():
    assert recorded(rows_of([2]).recording) == ()
    assert recorded(rows_of([2], masks=True).recording) == ("action_mask",)


def test_extras_are_found_by_the_names_of_the_leaves():
    entry = dataclasses.replace(
        column("action_mask"), name="info", kind=lambda _: gym.spaces.Dict(x=gym.spaces.Discrete(9))
    )
    rows = rows_of([2, 1])
    extras = {"info.x": np.arange(3)}
    rows = dataclasses.replace(rows, recording=dataclasses.replace(rows.recording, extras=extras))
    assert entry.names(SPACES) == ("info.x",)
    assert entry.arrays(rows, SPACES)[0] is extras["info.x"]


def test_pictures_are_columns_of_both_tables_where_a_size_is_given():
    inputs = {"config": {"dataset": {"pixels": {"height": 2, "width": 3}}}}
    assert asked_for(inputs) == ("pixels", "final_pixels")
    spaces = spaces_with(inputs, *SPACES)
    found = [
        column(name, table).space(spaces)
        for name, table in zip(asked_for(inputs), TABLES.values(), strict=True)
    ]
    assert [space.shape for space in found] == [(2, 3, 3)] * 2


def test_a_column_of_what_was_not_recorded_is_an_error():
    with pytest.raises(DatasetError, match=r"holds no action_mask; record it, or leave action_mask out"):
        column("action_mask").arrays(rows_of([2, 1]), SPACES)


def test_the_names_of_leaves_are_dotted():
    tree = gym.spaces.Dict(a=gym.spaces.Tuple([gym.spaces.Discrete(2), gym.spaces.Discrete(3)]))
    spaces = Spaces(tree, gym.spaces.Discrete(2))
    assert column("next_observation").names(spaces) == ("next_observation.a.0", "next_observation.a.1")
    assert column("action").names(spaces) == ("action",)


def test_the_page_on_datasets_names_every_column():
    page = (ROOT / "docs" / "dataset.md").read_text()
    assert [entry.name for table in TABLES.values() for entry in table if f"`{entry.name}`" not in page] == []
