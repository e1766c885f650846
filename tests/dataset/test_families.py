"""The families of the columns that a build declares."""

import pytest
from noting import COLUMNS, COUNT, STEPS
from recordings import SPACES

from builder.dataset.columns import asked_for, column_of, known, tables_of
from builder.dataset.families import declared_columns
from builder.episodes.declared import TEXT, Declared, spaces_with, stated
from builder.errors import DatasetError

INPUTS = {"config": {"dataset": {}}, "expert": {}, **stated(COLUMNS)}


def test_a_table_has_the_columns_that_the_inputs_declare():
    tables = tables_of(INPUTS, asked_for(INPUTS))
    names = {name: [column.name for column in table] for name, table in tables.items()}
    assert names["transitions"][-4:] == ["info.count", "info.odd", "info.word", "teacher.chosen"]
    assert names["episodes"][-1] == "info.steps"


def test_what_the_environment_says_is_replayed_and_what_the_expert_thinks_is_not():
    found = {column.name: column.replayed for column in declared_columns(COLUMNS)}
    assert found == {"info.count": True, "info.odd": True, "info.word": True, "teacher.chosen": False}


def test_a_column_of_no_known_family_is_refused():
    with pytest.raises(DatasetError, match="a column of the manifest is unknown"):
        declared_columns([Declared("secret.x", TEXT)])


@pytest.mark.parametrize(
    ("array", "column"),
    [
        ("info.x", "info.x"),
        ("info.x.valid", "info.x"),
        ("observation.agent", "observation"),
        ("reward", "reward"),
        ("mine.own", "mine.own"),
    ],
)
def test_an_array_is_of_one_column(array, column):
    assert column_of(array) == column


def test_spaces_tell_which_columns_a_table_may_have():
    spaces = spaces_with(INPUTS, *SPACES)
    assert COUNT.name in known(spaces)
    assert STEPS.name in known(spaces, "episodes")
    assert STEPS.name not in known(spaces)
