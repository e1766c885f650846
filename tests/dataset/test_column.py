"""A column: the names of its arrays, and its values."""

import pytest
from noting import COLUMNS
from recordings import SPACES, rows_of

from builder.dataset.families import declared_columns
from builder.errors import DatasetError


def test_what_was_not_recorded_is_named():
    with pytest.raises(DatasetError, match=r"a recording holds no info\.count"):
        declared_columns(COLUMNS)[0].arrays(rows_of([2]), SPACES)


def test_a_column_that_may_be_null_has_one_more_array():
    names = [column.names(SPACES) for column in declared_columns(COLUMNS)]
    assert names[:2] == [("info.count",), ("info.odd", "info.odd.valid")]
