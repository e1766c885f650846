"""Files whose rows have sizes of their own end where one writer would end them."""

from pathlib import Path

from builder.dataset.borders import Borders
from builder.dataset.tries import Encoded


def encoded(first, *sizes):
    return Encoded("train", first, Path(f"rows-{first}"), sizes)


def test_a_file_ends_with_the_row_group_that_fills_it_whatever_order_they_come_in():
    borders = Borders(10)
    assert list(borders.add(encoded(1, 4, 20, 3))) == []
    found = [*borders.add(encoded(0, 4, 4)), *borders.add(encoded(2, 1)), *borders.rest()]
    places = [(number, [(folder.name, place) for folder, place in groups]) for number, groups in found]
    assert places == [
        (0, [("rows-0", 0), ("rows-0", 1), ("rows-1", 0)]),
        (1, [("rows-1", 1)]),
        (2, [("rows-1", 2), ("rows-2", 0)]),
    ]
