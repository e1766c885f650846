"""The tables of a split, and rows of them."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import DatasetError
from builder.loading.split_tables import SplitTables, rows_of, runs
from builder.manifest.manifest import Split, read_manifest


def tables(folder, **changes):
    manifest = dataclasses.replace(read_manifest(folder), **changes)
    return SplitTables(folder, manifest, "train", manifest.spaces)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.data())
def test_stretches_hold_each_row_once_and_in_order(lengths, data):
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    chosen = data.draw(st.permutations(range(len(lengths))))[: data.draw(st.integers(0, len(lengths)))]
    found = runs(bounds[chosen], bounds[np.array(chosen, int) + 1])
    expected = [row for episode in chosen for row in range(bounds[episode], bounds[episode + 1])]
    assert [row for start, stop in found for row in range(start, stop)] == expected
    assert all(stop != start for (_, stop), (start, _) in itertools.pairwise(found))


def test_episodes_begin_where_the_table_says(dataset_of):
    found = tables(dataset_of("vector"))
    assert found.bounds.tolist() == [0, *found.episodes["row_end"]]
    assert found.count == len(found.episodes) == 6


def test_rows_are_those_of_the_stretches(dataset_of):
    steps = tables(dataset_of("vector")).transitions
    some = rows_of(steps, [(3, 5), (0, 1)])
    assert some["reward"].to_pylist() == [steps["reward"][row] for row in (3, 4, 0)]
    assert rows_of(steps, [(0, len(steps))]) is steps.data.table
    assert len(rows_of(steps, [])) == 0


@pytest.mark.parametrize(("episodes", "rows"), [(5, 0), (6, 1), (6, -1)])
def test_episodes_that_do_not_cover_the_steps_are_refused(dataset_of, episodes, rows):
    manifest = read_manifest(dataset_of("vector"))
    splits = {"train": Split(episodes, manifest.splits["train"].rows + rows)}
    with pytest.raises(DatasetError, match="are not those of its steps"):
        _ = tables(dataset_of("vector"), splits=splits).bounds


def test_episodes_that_overlap_are_refused(dataset_of):
    found = tables(dataset_of("vector"))
    starts = found.episodes["row_start"][:]
    starts[2] -= 1
    found.episodes = found.episodes.remove_columns("row_start").add_column("row_start", starts)
    with pytest.raises(DatasetError, match="are not those of its steps"):
        _ = found.bounds


def test_names_of_columns_come_without_a_row_and_plain_columns_alone(dataset_of):
    found = tables(dataset_of("image"))
    assert found.step_columns()[:3] == ["episode_index", "step_index", "observation"]
    lengths = found.of_episodes("length", "nonsense")
    assert list(lengths) == ["length"]
    assert lengths["length"].sum() == read_manifest(dataset_of("image")).splits["train"].rows
    assert "transitions" not in vars(found)
    assert "episodes" not in vars(found)
