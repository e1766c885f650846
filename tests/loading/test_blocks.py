"""Whole episodes in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_episodes import LENGTHS, block

from builder.loading.batches import ArrayReader
from builder.loading.blocks import BlockReader, Episodes


@given(LENGTHS)
def test_each_step_knows_its_episode_and_how_many_are_left(lengths):
    found = block(lengths)
    expected = [(e, s, length - s) for e, length in enumerate(lengths) for s in range(length)]
    assert list(zip(found.episode, found.step, found.left, strict=True)) == expected
    assert found.rows == sum(lengths)


@given(LENGTHS, st.data())
def test_what_follows_is_found_up_to_the_final_observation(lengths, data):
    found = block(lengths)
    rows = np.array(data.draw(st.lists(st.integers(0, sum(lengths) - 1), min_size=1, max_size=8)))
    ahead = np.array([data.draw(st.integers(0, int(found.left[row]))) for row in rows])
    (following,) = found.following(rows, ahead).values()
    assert following.tolist() == (found.take("observation.a", rows) + ahead).tolist()


@given(LENGTHS, st.integers(1, 4))
def test_stacks_reach_back_to_the_beginning_of_their_own_episode(lengths, frames):
    found, single = block(lengths, frames), block(lengths)
    for row in range(found.rows):
        step, value = int(single.step[row]), int(single.columns["observation.a"][row])
        past = [value - age if age <= step else 0 for age in range(frames)][::-1]
        assert found.take("observation.a", np.array([row]))[0].tolist() == past
        after = [value + 1 - age if age <= step + 1 else 0 for age in range(frames)][::-1]
        assert found.following(np.array([row]))["next_observation.a"][0].tolist() == after


@pytest.mark.parametrize("chosen", [[0, 1, 2, 3], [3, 1], []])
def test_a_reader_gives_whole_episodes_part_by_part(chosen):
    lengths = np.array([3, 1, 4, 2])
    starts = np.cumsum(lengths) - lengths
    reader = ArrayReader({"number": np.arange(10), "other": np.zeros(10)}, ["number"])
    reader.part_rows = [10]
    rows = [np.arange(starts[e], starts[e] + lengths[e]) for e in chosen]
    episodes = Episodes(np.array(chosen, int), lengths[chosen], np.concatenate([np.empty(0, int), *rows]))

    class Made:
        def __init__(self, block):
            self.block, self.rows = block, block.rows

    found = BlockReader(reader, episodes, lambda places: {"final": places}, Made, item_steps=3)
    assert sum(found.part_rows) == sum(lengths[chosen])
    assert found.item_bytes == 3 * found.row_bytes == 24
    whole = found.read(range(len(found.part_rows)))
    assert whole.rows == sum(lengths[chosen])
    if chosen:
        assert whole.block.lengths.tolist() == lengths[chosen].tolist()
        assert whole.block.places.tolist() == whole.block.finals["final"].tolist() == chosen
        assert whole.block.columns["number"].tolist() == np.concatenate(rows).tolist()
