"""Functions of the user's own are refused before anything is played where they cannot be called."""

import pytest
from corridor import CORRIDOR

from builder import Controller, collate, enjoy
from builder.errors import ConfigError
from builder.pipeline.own_functions import code_digests, own_functions


def test_the_built_in_functions_are_not_the_users_own():
    def mine(path, context, expert):
        return False

    assert own_functions(enjoy, collate) == {}
    assert own_functions(mine, collate) == {"enjoy": mine}


def test_a_function_is_known_by_its_source():
    first = code_digests({"enjoy": lambda path, context, expert: True})["enjoy"]
    second = code_digests({"enjoy": lambda path, context, expert: False})["enjoy"]
    assert first.partition(" sha256:")[0] == second.partition(" sha256:")[0]
    assert first != second
    assert code_digests({"enjoy": print})["enjoy"] == "print not pinned"


@pytest.mark.parametrize(
    ("functions", "expected"),
    [
        ({"enjoy": lambda path, context: True}, r"enjoy\(path, context, expert\), called by keyword"),
        ({"enjoy": lambda where, context, expert: True}, r"got enjoy\(where, context, expert\)"),
        ({"collate": lambda episodes: True}, r"collate\(path, episodes\), called by position"),
    ],
)
def test_functions_that_cannot_be_called_are_refused_before_play(tmp_path, functions, expected):
    with pytest.raises(ConfigError, match=expected):
        Controller(**functions).start({**CORRIDOR, "out": str(tmp_path / "x")})
    assert not list(tmp_path.iterdir())
