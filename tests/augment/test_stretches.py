"""Episodes of a part, a few at a time."""

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pytest
from datasets import Array2D

from builder.api import dataset_folder
from builder.augment.parts import parts_of
from builder.augment.plan import plan_of
from builder.augment.stretches import _runs, merged_tables, nulls, observed, stretches
from builder.errors import DatasetError


def lines(*episodes):
    """A table of episodes of so many steps, each of a source."""
    lengths = np.array([length for length, _ in episodes])
    ends = np.cumsum(lengths)
    return pa.table(
        {"row_start": ends - lengths, "row_end": ends, "source": [source for _, source in episodes]}
    )


def runs(table, kept, most):
    return [list(run) for run in _runs(table, np.array(kept, np.int64), most)]


def test_neighbours_are_taken_together_up_to_so_many_steps():
    table = lines((3, "a"), (3, "a"), (3, "a"), (9, "a"), (1, "a"))
    assert runs(table, [0, 1, 2, 3, 4], 6) == [[0, 1], [2], [3], [4]]


def test_what_lies_apart_or_is_of_another_source_is_not_taken_together():
    table = lines((1, "a"), (1, "a"), (1, "b"), (1, "b"), (1, "b"))
    assert runs(table, [0, 1, 2, 4], 99) == [[0, 1], [2], [4]]
    assert runs(table, [], 99) == []


def test_nulls_are_of_any_type():
    for kind in (pa.int64(), pa.string(), pa.list_(pa.float32(), 3), Array2D((2, 3), "float32")()):
        found = nulls(2, kind)
        assert (found.type, found.null_count) == (kind, 2)


@pytest.fixture
def plan(cartpole_of):
    return plan_of(parts_of([cartpole_of()], dataset_folder))


def test_episodes_and_rows_are_counted_from_those_before(plan):
    (stretch,) = stretches(plan.parts[0], "train", plan)
    tables = merged_tables(stretch, observed(stretch, plan.spaces), plan, 7, 100)
    ends = 100 + np.cumsum(stretch.lengths)
    assert tables["episodes"]["episode_index"].to_pylist() == [7, 8, 9, 10]
    assert tables["episodes"]["row_end"].to_pylist() == ends.tolist()
    assert (
        tables["transitions"]["episode_index"].to_pylist()
        == np.repeat([7, 8, 9, 10], stretch.lengths).tolist()
    )


def test_a_column_of_another_type_is_refused(plan):
    (stretch,) = stretches(plan.parts[0], "train", plan)
    recording = observed(stretch, plan.spaces)
    place = stretch.steps.column_names.index("reward")
    texts = pa.array(["x"] * stretch.steps.num_rows)
    wrong = type(stretch)(stretch.source, stretch.steps.set_column(place, "reward", texts), stretch.episodes)
    with pytest.raises(DatasetError, match=r"the column reward of .* is of another type"):
        merged_tables(wrong, recording, plan, 0, 0)


def test_what_was_observed_is_what_is_recorded(plan):
    (stretch,) = stretches(plan.parts[0], "train", plan)
    recording = observed(stretch, plan.spaces)
    assert isinstance(plan.spaces.observation, gym.spaces.Box)
    assert recording.observations[0].tolist() == stretch.steps["observation"].to_pylist()
    assert recording.finals[0].tolist() == stretch.episodes["final_observation"].to_pylist()
