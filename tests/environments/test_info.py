"""What `info` says, as typed columns."""

import gymnasium as gym
import numpy as np
import pytest

from builder.environments.info import Kind, SaidInfo, declared_as, kind_of, left_out, widened
from builder.episodes.declared import TEXT, Declared
from builder.errors import DatasetError, EnvironmentError_


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, Kind("bool")),
        (np.bool_(True), Kind("bool")),
        (3, Kind("int64")),
        (np.uint8(3), Kind("int64")),
        (0.5, Kind("float64")),
        (np.float32(0.5), Kind("float64")),
        (np.array(0.5), Kind("float64")),
        ("left", Kind(TEXT)),
        ([1, 2], Kind("int64", (2,))),
        ((0.5, 2), Kind("float64", (2,))),
        (np.zeros((2, 3), np.float32), Kind("float32", (2, 3))),
        (np.zeros(2, ">f4"), Kind("float32", (2,))),
        (2**63, None),
        ({"a": 1}, None),
        (object(), None),
        (["a"], None),
        ([[1], [1, 2]], None),
        ([], None),
        (1j, None),
        ("\ud800", None),
        (np.zeros((1,) * 6), None),
    ],
)
def test_a_value_has_the_kind_of_its_column(value, kind):
    assert kind_of(value) == kind


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (Kind("bool"), Kind("int64"), Kind("int64")),
        (Kind("int64"), Kind("float64"), Kind("float64")),
        (Kind("bool"), Kind("float64"), Kind("float64")),
        (Kind("float32", (2,)), Kind("float32", (2,)), Kind("float32", (2,))),
        (Kind("uint8", (2,)), Kind("float32", (2,)), Kind("float64", (2,))),
        (Kind("int64"), Kind("int64", (1,)), None),
        (Kind("int64"), Kind(TEXT), None),
    ],
)
def test_kinds_are_widened_to_one_that_holds_both(one, other, together):
    assert widened(one, other) == widened(other, one) == together


@pytest.mark.parametrize(
    "key", ["episode", "TimeLimit.truncated", "terminal_observation", "_x", "a b", "ß", 3]
)
def test_keys_of_wrappers_and_odd_names_are_no_columns(key):
    assert left_out(key)
    assert not left_out("x_position")


def asked(kind, *infos, key="x"):
    """What the annotator says of infos, one on each lane."""
    annotator = SaidInfo((declared_as(key, kind, "transitions"),)).annotator(None, ())
    said = annotator.after(range(len(infos)), infos)
    return said["info.x"], said["info.x.valid"].tolist()


def test_what_is_not_said_is_not_valid():
    values, valid = asked(Kind("float64"), {"x": 0.5}, {}, {"x": None}, None)
    assert valid == [True, False, False, False]
    assert values[0] == 0.5
    assert np.isnan(values[1:]).all()


def test_what_is_written_into_afterwards_is_kept_as_it_was():
    buffer = np.zeros(2)
    values, _ = asked(Kind("float64", (2,)), {"x": buffer})
    buffer[:] = 1
    assert values.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (Kind("float64"), 2, 2.0),
        (Kind("int64"), True, 1),
        (Kind("float64"), np.float32(0.1), float(np.float32(0.1))),
        (Kind(TEXT), np.str_("a"), "a"),
        (Kind("int64"), 2**62 + 1, 2**62 + 1),
    ],
)
def test_narrower_values_are_stored_as_they_are(kind, value, stored):
    values, valid = asked(kind, {"x": value})
    assert valid == [True]
    assert values.dtype == (object if kind.dtype == TEXT else kind.dtype)
    assert values[0] == stored


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind("int64"), 0.5),
        (Kind("int64"), 3.0),
        (Kind("bool"), 1),
        (Kind("float64"), "a"),
        (Kind("float64"), 2**53 + 1),
        (Kind("int64"), 2**63),
        (Kind("float32", (2,)), np.zeros(3, np.float32)),
        (Kind("float32", (2,)), np.zeros(2)),
        (Kind("int64"), object()),
        (Kind(TEXT), 1),
    ],
)
def test_a_value_of_another_type_is_an_error_that_names_its_key(kind, value):
    with pytest.raises(EnvironmentError_, match=r"the type of info\.x changes; expected .*, without x"):
        asked(kind, {"x": value})


def test_what_reset_said_is_that_of_the_lanes_own_attempt():
    annotator = SaidInfo((declared_as("k", Kind("int64"), "episodes"),)).annotator(None, ())
    told = {"k": 1}
    annotator.begun(0, None, told)
    annotator.begun(1, None, {})
    told["k"] = 7
    ended = [annotator.ended(lane, None) for lane in (0, 1)]
    assert [(int(said["info.k"]), bool(said["info.k.valid"])) for said in ended] == [(1, True), (0, False)]


def test_a_manifest_cannot_declare_what_info_does_not_say():
    column = Declared("info.x", gym.spaces.Dict({"a": gym.spaces.Discrete(2)}), nullable=True)
    with pytest.raises(DatasetError, match=r"the column info\.x holds nothing that info could say"):
        SaidInfo((column,)).annotator(None, ())
