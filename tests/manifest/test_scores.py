"""Reference scores and returns that are measured by them."""

import numpy as np
import pytest

from builder.errors import DatasetError
from builder.manifest.scores import ReferenceScores, normalized

SCORES = ReferenceScores(random=20.0, expert=500.0, source="a test")


def test_random_actions_reach_0_and_the_expert_1():
    assert (normalized(20.0, SCORES), normalized(500.0, SCORES), normalized(260.0, SCORES)) == (0.0, 1.0, 0.5)


def test_returns_beyond_both_ends_stay_beyond():
    assert normalized(np.array([-460.0, 980.0]), SCORES).tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("expert", [20.0, 19.0, float("nan"), float("inf")])
def test_no_scale_ends_with_an_expert_that_is_no_better_than_random_actions(expert):
    with pytest.raises(DatasetError, match=r"no better than random actions.*more than 20.*measure a better"):
        ReferenceScores(random=20.0, expert=expert, source="a test")


@pytest.mark.parametrize(("random", "expert"), [(0.0, 5e-324), (0.0, 1e-200), (-1.7e308, 1.7e308)])
def test_two_ends_whose_scores_would_be_infinite_or_none_are_no_scale(random, expert):
    with pytest.raises(DatasetError, match="make no scale"):
        ReferenceScores(random, expert, source="a test")


def test_what_is_not_known_is_not_written_and_all_else_comes_back():
    known = ReferenceScores(1.0, 2.0, "a test", random_std=0.5, expert_std=0.0)
    assert SCORES.content == {"random": 20.0, "expert": 500.0, "source": "a test"}
    assert [ReferenceScores.of(scores.content) for scores in (SCORES, known)] == [SCORES, known]


@pytest.mark.parametrize(
    "pair",
    [(0, None), (True, 2.0), ("0", "1"), (1.0, 1.0), (float("nan"), 1.0), (0, 10**400)],
    ids=["missing", "bool", "text", "equal", "nan", "huge"],
)
def test_what_a_stranger_s_file_says_is_no_reference_where_it_makes_no_scale(pair):
    assert ReferenceScores.stated(*pair, "a file") is None


def test_what_a_stranger_s_file_says_is_taken_with_a_bounded_source():
    assert ReferenceScores.stated(0, 2.5, "x" * 900) == ReferenceScores(0.0, 2.5, "x" * 500)


def test_returns_without_a_reference_are_refused_in_a_line():
    with pytest.raises(DatasetError, match=r"no reference scores are known.*il-builder reference env\.id="):
        normalized(1.0, None)
