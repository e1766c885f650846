"""Tables that contradict themselves are found, however well their hashes fit."""

import pytest
from verification import EPISODES, STEPS, failure, rewrite


def test_a_swapped_pair_of_rows_is_noticed_behind_hashes_that_fit(folder):
    def swap(columns):
        for column in columns.values():
            column[3], column[4] = column[4], column[3]

    rewrite(folder, STEPS, swap)
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode) == ("tables", STEPS, 0)
    assert (difference.step, difference.column) == (2, "next_observation")


def test_a_changed_seed_is_noticed_behind_hashes_that_fit(folder):
    def change(columns):
        columns["seed"][2] += 1

    rewrite(folder, EPISODES, change)
    name, difference = failure(folder)
    assert (name, difference.episode, difference.column) == ("tables", 2, "seed")
    assert difference.got == difference.expected + 1


@pytest.mark.parametrize(
    ("column", "position", "value"),
    [("length", 1, 499), ("episode_return", 3, -1.0), ("row_start", 2, 7), ("attempt_index", 4, 0)],
)
def test_a_changed_line_of_the_episodes_is_noticed_behind_hashes_that_fit(folder, column, position, value):
    def change(columns):
        columns[column][position] = value

    rewrite(folder, EPISODES, change)
    name, difference = failure(folder)
    assert (name, difference.file, difference.episode) == ("tables", EPISODES, position)
