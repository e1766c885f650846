"""What policies normalise by, against numpy over all values at once."""

import numpy as np
import pytest

from builder.exchange.lerobot import statistics
from builder.exchange.lerobot.statistics import ImageStatistics, Statistics

RNG = np.random.default_rng(0)


def fed(gathered, values, cuts):
    for part in np.split(values, cuts):
        gathered.add(part)
    return gathered.found()


def test_the_figures_are_those_of_all_values_at_once():
    values = RNG.normal(1e3, 1e-2, (100, 3))
    found = fed(Statistics((3,)), values, [1, 40])
    for name, expected in (
        ("min", values.min(0)),
        ("max", values.max(0)),
        ("mean", values.mean(0)),
        ("std", values.std(0)),
        ("q01", np.quantile(values, 0.01, axis=0)),
        ("q90", np.quantile(values, 0.9, axis=0)),
    ):
        np.testing.assert_allclose(found[name], expected, rtol=1e-9)
    assert found["count"] == [100]


def test_of_many_values_evenly_spread_ones_give_the_quantiles(monkeypatch):
    monkeypatch.setattr(statistics, "KEPT_NUMBERS", 64)
    one_way, other = (fed(Statistics((1,)), np.arange(1000.0), cuts) for cuts in ([500], [3, 7, 411]))
    assert one_way["q50"] == other["q50"] == [pytest.approx(500, abs=20)]
    assert one_way["max"] == [999.0]


def test_pictures_have_a_figure_for_each_channel_between_0_and_1():
    pictures = RNG.integers(0, 256, (5, 4, 6, 3), np.uint8)
    found = fed(ImageStatistics((4, 6, 3)), pictures, [2])
    scaled = pictures.reshape(-1, 3) / 255
    np.testing.assert_allclose(found["mean"], scaled.mean(0).reshape(3, 1, 1))
    np.testing.assert_allclose(found["std"], scaled.std(0).reshape(3, 1, 1))
    np.testing.assert_allclose(found["min"], scaled.min(0).reshape(3, 1, 1))
    np.testing.assert_allclose(found["max"], scaled.max(0).reshape(3, 1, 1))
    lower = np.quantile(scaled, 0.5, axis=0, method="inverted_cdf")
    np.testing.assert_allclose(found["q50"], lower.reshape(3, 1, 1))


def test_values_without_a_number_have_no_figures():
    assert fed(Statistics((1,)), np.array([1.0, np.nan]), []) is None
