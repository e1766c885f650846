"""Bins that hold every value, and round numbers."""

import numpy as np
import pytest
from sweeps import case

from builder.card.histogram import bin_edges, can_be_drawn, counted, ticks

BINNED = [
    np.arange(9.0, 78.0),
    np.array([499.0, 500.0]),
    np.linspace(-366, -0.5, 100),
    np.array([1.0, 1e6]),
    np.array([1e-9, 2e-9]),
    np.random.default_rng(0).normal(size=5000).astype(np.float32).astype(np.float64),
    np.array([-1e300, 1e300]),
]


def test_bins_hold_every_value_once_and_are_equally_wide():
    for values in BINNED:
        with case(values):
            edges = bin_edges(values)
            counts = counted(values, edges)
            assert counts.sum() == len(values)
            assert len(edges) - 1 <= 40
            np.testing.assert_allclose(np.diff(edges), edges[1] - edges[0])
            known = np.histogram(values, edges)[0]
            np.testing.assert_allclose(counts, known, atol=1)  # where a value is on an edge


def test_bins_of_whole_numbers_are_centred_on_them():
    assert bin_edges(np.array([498.0, 499.0, 500.0])).tolist() == [497.5, 498.5, 499.5, 500.5]


def test_a_border_is_an_edge_and_no_bin_has_values_of_either_side():
    for values in BINNED:
        for border in (*np.quantile(values, [0.0, 0.3, 0.9]), values[0]):
            with case(values, border):
                edges = bin_edges(values, border=border)
                assert border in edges
                assert (len(edges) - 1 <= 40, edges[0] <= values.min(), values.max() <= edges[-1]) == (
                    True,
                ) * 3
                behind = np.histogram(values, edges)[0][edges[:-1] >= border].sum()
                assert behind == (values >= border).sum()


def test_a_border_that_is_beyond_the_values_changes_nothing():
    values = np.arange(9.0, 78.0)
    assert bin_edges(values, border=100.0).tolist() == bin_edges(values).tolist()


TICKS = [
    (0, 10, 5, False, ["0", "2", "4", "6", "8", "10"]),
    (-366.2, -0.5, 4, False, ["-300", "-200", "-100"]),
    (0, 1, 4, False, ["0.0", "0.5", "1.0"]),
    (0, 1, 4, True, ["0", "1"]),
    (-0.03, 0.03, 4, False, ["-0.02", "0.00", "0.02"]),
    (0, 3000, 4, False, ["0", "1,000", "2,000", "3,000"]),
    (0, 2.5e12, 2, False, ["0", "2e+12"]),
]


def test_ticks_are_round_numbers_within_the_limits():
    for low, high, most, whole, labels in TICKS:
        with case(low, high, most, whole, labels):
            assert ticks(low, high, most=most, whole=whole)[1] == labels


@pytest.mark.parametrize(
    ("values", "can"),
    [([], False), ([3.0], False), ([3.0, 3.0], False), ([3.0, 4.0], True), ([-1.7e308, 1.7e308], False)],
)
def test_what_does_not_vary_or_is_too_far_apart_is_not_drawn(values, can):
    assert can_be_drawn(np.array(values)) is can
