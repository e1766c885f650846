"""What is recorded of a configuration reads back as what it was."""

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps import case

from builder.errors import ConfigError
from builder.values import UNKNOWN, Reference, concealed, fits, is_plain, recorded, resolved, restored

LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(max_size=8)),
    st.sampled_from(["$float", "${oc.env:HOME}", "inf", "nan"]),
)
KEYS = st.one_of(
    st.text(max_size=4), st.integers(), st.booleans(), st.sampled_from(["$float", "$mapping", "float"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def exactly(value):
    """A value with the types of everything in it; the order of a mapping means nothing."""
    if isinstance(value, dict):
        return sorted(((exactly(key), exactly(item)) for key, item in value.items()), key=repr)
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return type(value).__name__, value


@given(VALUES)
def test_every_value_that_a_configuration_can_hold_reads_back_as_it_was(value):
    back = restored(json.loads(json.dumps(recorded(value), allow_nan=False)))
    assert exactly(back) == exactly(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, np.float64("nan"), np.float32("inf")])
def test_what_json_has_no_number_for_reads_back_as_a_number(value):
    back = restored(json.loads(json.dumps(recorded({"x": [value]}), allow_nan=False)))["x"][0]
    assert type(back) is float
    assert str(back) == str(float(value))


def test_what_only_looks_like_it_stays_what_it_is():
    for value in ["inf", "nan", "-inf", {"float": "inf"}, {"$float": 1, "x": 2}, {"$path": "/x"}]:
        with case(value):
            assert restored(json.loads(json.dumps(recorded(value)))) == value


def test_a_plain_value_is_recorded_as_it_is():
    value = {"a": [1, 2.5, None, True, "x"], "b": {"c": -0.0}}
    assert recorded(value) == value
    assert recorded(np.int64(3)) == 3
    assert recorded((1, 2)) == [1, 2]


def test_paths_are_recorded_as_paths():
    assert restored(recorded(Path("/a/b"))) == Path("/a/b")


@pytest.mark.parametrize("value", [object(), {1, 2}, print, 1j])
def test_a_value_of_another_kind_is_refused_by_its_key(value):
    with pytest.raises(ConfigError, match=r"env\.kwargs\.x\.y cannot be recorded; expected plain values"):
        recorded({"y": value}, "env.kwargs.x")


def test_a_value_that_is_nested_without_end_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(ConfigError, match="nested too deep"):
        recorded(endless)


@pytest.mark.parametrize(
    "mark", [{"$float": "1e5"}, {"$bytes": "zz"}, {"$mapping": 3}, {"$mapping": [[[], 1]]}]
)
def test_a_mark_that_nobody_has_written_is_refused(mark):
    with pytest.raises(ConfigError):
        restored(mark)


def test_a_reference_is_recorded_shown_and_compared_by_its_text():
    reference = Reference("${oc.env:KEY}", "hush")
    assert recorded({"a": reference}) == {"a": {"$reference": "${oc.env:KEY}"}}
    assert repr({"a": [reference]}) == "{'a': [${oc.env:KEY}]}"
    assert reference == Reference("${oc.env:KEY}")
    assert resolved({"a": [reference]}) == {"a": ["hush"]}


def test_a_reference_that_was_read_back_stands_for_nothing_yet():
    back = restored({"$reference": "${oc.env:HOME}"})
    assert back.value is UNKNOWN
    with pytest.raises(ConfigError, match=r"holds only \$\{oc\.env:HOME\}; give it as env\.kwargs\.NAME="):
        resolved({"a": back})


@pytest.mark.parametrize("reference", [Reference("${oc.env:KEY}", "hush"), Reference("${oc.env:KEY}")])
def test_a_reference_crosses_to_a_worker(reference):
    back = pickle.loads(pickle.dumps(reference))
    assert (back.text, back.value) == (reference.text, reference.value)


def test_an_error_shows_the_reference_and_not_what_it_stands_for():
    kwargs = {"a": [Reference("${oc.env:KEY}", "hush")], "b": Reference("${oc.env:N}", 7)}
    assert concealed("bad key 'hush' of 7", kwargs) == "bad key '${oc.env:KEY}' of ${oc.env:N}"
    assert concealed("as it was", {"a": Reference("${oc.env:EMPTY}", "")}) == "as it was"


HINTS = [
    *((1, int, True), (True, int, False), (1, float, True), ("1", int, False), (None, str | None, True)),
    *(
        ([1], list, True),
        ({"a": 1}, dict, True),
        ({"a": 1}, dict[str, int], True),
        ({1: 1}, dict[str, int], False),
    ),
]


def test_a_value_fits_a_hint_only_where_it_is_of_that_type():
    for value, hint, expected in HINTS:
        with case(value, hint, expected):
            assert fits(value, hint) is expected


def test_plain_is_what_json_holds():
    assert is_plain({"a": [1, (2.5, None)]})
    assert not is_plain({1: 2})
    assert not is_plain({"a": b""})
