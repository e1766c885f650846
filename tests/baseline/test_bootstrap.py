"""Intervals of a few runs."""

import numpy as np
import pytest

from builder.baseline.bootstrap import interquartile_mean, mean_interval, stratified_interval


def test_equal_runs_have_an_interval_of_no_width():
    assert mean_interval(np.full(5, 500.0)) == (500.0, 500.0)


def test_two_runs_may_each_be_drawn_twice():
    assert mean_interval(np.array([0.0, 1.0])) == (0.0, 1.0)


def test_the_interval_of_many_runs_is_that_of_the_normal_distribution():
    values = np.random.default_rng(3).normal(10, 2, 400)
    half = 1.96 * values.std() / 20
    assert mean_interval(values) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_the_same_runs_have_the_same_interval():
    values = np.array([1.0, 4.0, 2.0, 8.0])
    assert mean_interval(values) == mean_interval(values)


@pytest.mark.parametrize(
    ("values", "middle"),
    [([0, 1, 2, 3, 4, 5, 6, 7], 3.5), ([0, 1, 2, 3, 100], 2.0), ([-900, 1, 2, 900], 1.5), ([7], 7.0)],
    ids=["eight", "five", "outliers", "one"],
)
def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end(values, middle):
    assert interquartile_mean(np.array(values, float)) == pytest.approx(middle)


def test_resamples_stay_within_each_environment():
    assert stratified_interval([np.zeros(5), np.ones(5)]) == (0.5, 0.5)
    low, high = stratified_interval([np.arange(5.0), np.ones(5)])
    assert low < 1 < high
