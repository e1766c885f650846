"""Which returns are accepted, and which of the accepted attempts a dataset keeps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.episodes.acceptance import EVERY_RETURN, Acceptance, first_accepted
from builder.errors import ConfigError

RETURNS = np.array([-math.inf, 0.9, 1.0, 2.0, 2.1, math.inf, math.nan])


@pytest.mark.parametrize(
    ("acceptance", "accepted"),
    [
        (EVERY_RETURN, [-math.inf, 0.9, 1.0, 2.0, 2.1, math.inf]),
        (Acceptance(1.0), [1.0, 2.0, 2.1, math.inf]),
        (Acceptance(high=2.0), [-math.inf, 0.9, 1.0, 2.0]),
        (Acceptance(1.0, 2.0), [1.0, 2.0]),
        (Acceptance(1.0, 1.0), [1.0]),
    ],
)
def test_a_return_at_a_bound_is_accepted_and_nan_never_is(acceptance, accepted):
    assert RETURNS[acceptance.accepts(RETURNS)].tolist() == accepted


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (math.nan, 1.0), (1.0, math.nan)])
def test_bounds_that_no_return_lies_within_are_refused(low, high):
    with pytest.raises(ConfigError) as caught:
        Acceptance(low, high)
    expected = f"no return can be accepted; expected threshold <= max_return; got {low} and {high}"
    assert str(caught.value) == expected


@given(st.lists(st.booleans()), st.integers(0, 9))
def test_the_first_of_the_accepted_are_kept_by_index(accepted, wanted):
    kept = np.flatnonzero(first_accepted(np.array(accepted, bool), wanted))
    assert kept.tolist() == [index for index, item in enumerate(accepted) if item][:wanted]


def test_without_a_number_all_of_the_accepted_are_kept():
    assert first_accepted(np.array([False, True, True]), None).tolist() == [False, True, True]


def test_build_json_holds_the_bounds_as_text():
    assert Acceptance(475.0).to_json() == ["475.0", "inf"]
    assert Acceptance.from_json(["475.0", "inf"]) == Acceptance(475.0)


def test_a_manifest_holds_infinities_as_text():
    assert Acceptance.of({"threshold": "-inf", "max_return": 30.0, "seed": 0}) == Acceptance(high=30.0)
