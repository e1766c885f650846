"""Some rows of a reader's, in any order, read part by part."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from builder.loading.batches import Plain
from builder.loading.selected import SelectedReader


class Parts:
    """A reader of numbers in parts, that remembers what was read."""

    columns = ("number",)
    row_bytes = 8

    def __init__(self, sizes):
        self.part_rows = list(sizes)
        self._parts = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
        self.asked = []

    def read(self, parts):
        self.asked += parts
        found = np.concatenate([self._parts[part] for part in parts])
        return Plain({"number": found}, len(found))


SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=6)


@given(SIZES, st.data())
def test_wanted_rows_come_in_their_order_whole_or_part_by_part(sizes, data):
    rows = data.draw(st.permutations(range(sum(sizes))))[: data.draw(st.integers(0, sum(sizes)))]
    reader = SelectedReader(Parts(sizes), np.array(rows, np.int64))
    assert sum(reader.part_rows) == len(rows)
    whole = reader.read(range(len(reader.part_rows)))
    assert whole.rows == len(rows)
    if rows:
        assert whole.columns["number"].tolist() == rows
    pieces = [reader.read([part]) for part in range(len(reader.part_rows))]
    assert [int(number) for piece in pieces for number in piece.columns["number"]] == rows


def test_a_part_without_a_wanted_row_is_not_read_and_any_other_once():
    parts = Parts([4, 4, 4])
    reader = SelectedReader(parts, np.array([9, 1, 10, 2]))
    assert reader.part_rows == [1, 1, 1, 1]
    reader.read([0, 1, 2, 3])
    assert sorted(parts.asked) == [0, 2]
    reader.read([0, 1, 2, 3])
    assert len(parts.asked) == 2
