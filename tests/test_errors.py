"""Errors say what, expected, got and remedy, and come back from worker processes whole."""

import inspect
import pickle
import re

from hypothesis import given
from hypothesis import strategies as st
from sweeps import case

from builder import errors
from builder.errors import BuilderError, ConfigError, suggest

CLASSES = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, Exception)]
some_text = st.none() | st.text()


def test_an_error_reads_as_what_expected_got_and_remedy():
    error = BuilderError("the file x is damaged", expected="sha256 ab", got="cd", remedy="fetch it again")
    assert str(error) == "the file x is damaged; expected sha256 ab; got cd; fetch it again"


def test_an_error_without_particulars_reads_as_what_alone():
    assert str(BuilderError("the disk is full")) == "the disk is full"


def test_an_error_shows_what_was_expected_and_got_where_that_is_zero_or_empty():
    assert str(BuilderError("the shards differ", expected=0, got="")) == "the shards differ; expected 0; got "


@given(what=st.text(), expected=some_text | st.integers(), got=some_text | st.integers(), remedy=some_text)
def test_an_error_survives_pickling(what, expected, got, remedy):
    for cls in CLASSES:
        error = cls(what, expected=expected, got=got, remedy=remedy)
        back = pickle.loads(pickle.dumps(error))
        assert type(back) is cls
        assert str(back) == str(error)
        assert (back.what, back.expected, back.got, back.remedy) == (what, expected, got, remedy)
        assert back.args == (what,)


def test_notes_survive_pickling():
    error = BuilderError("the wheel came off")
    error.add_note("in attempt 3")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["in attempt 3"]


def test_bad_configuration_exits_with_2_and_all_else_with_1():
    for cls in CLASSES:
        with case(cls):
            assert cls("what").exit_code == (2 if issubclass(cls, ConfigError) else 1)


def test_the_tree_of_the_docstring_is_the_tree_of_the_classes():
    written, parents = {}, {}
    for indent, name in re.findall(r"^( *)\* (\w+)", errors.__doc__, re.MULTILINE):
        depth = len(indent) // 2
        parents[depth] = name
        written[name] = parents[depth - 1] if depth else "Exception"
    assert written == {cls.__name__: cls.__base__.__name__ for cls in CLASSES}


def test_the_nearest_known_word_is_suggested():
    assert suggest("cartpol", ["acrobot", "cartpole", "pendulum"]) == "did you mean 'cartpole'?"


def test_where_no_word_is_near_the_known_ones_are_listed_in_order():
    assert suggest("zzz", ["pendulum", "acrobot"]) == "known: acrobot, pendulum"


def test_a_long_list_of_known_words_is_cut_after_twelve():
    names = [f"name{number:02d}" for number in range(13)]
    assert suggest("zzz", names) == f"known: {', '.join(names[:12])}, ..."
    assert suggest("zzz", names[:12]) == f"known: {', '.join(names[:12])}"


def test_nothing_is_suggested_where_nothing_is_known():
    assert suggest("zzz", []) == "none is known"


def test_a_finding_is_an_error_without_its_remedy():
    assert BuilderError("it failed", got=1, remedy="mend it").finding == "it failed; got 1"
    assert BuilderError("it failed").finding == "it failed"
