"""What floating-point numbers err by is never more than the bound, and sometimes nearly as much."""

from fractions import Fraction

import numpy as np
import pytest

from builder.experts.network.rounding import FLOAT32, FLOAT64, LayerSize, gamma, norms, spectral_norm


def exactly(x, weight, bias):
    """x W + b in exact arithmetic."""
    rows = [[Fraction(float(value)) for value in row] for row in x]
    columns = [[Fraction(float(value)) for value in column] for column in weight.T]
    return [
        [
            sum((a * b for a, b in zip(row, column, strict=True)), Fraction(float(add)))
            for column, add in zip(columns, bias, strict=True)
        ]
        for row in rows
    ]


def in_order(x, weight, bias, order):
    """x W + b in float32, one product after another."""
    total = np.zeros((len(x), weight.shape[1]), np.float32)
    for index in order:
        total += x[:, index, None] * weight[index]
    return total + bias


def error(computed, exact):
    """Euclidean norms of the errors [rows]."""
    return np.array(
        [
            float(sum((Fraction(float(a)) - b) ** 2 for a, b in zip(*pair, strict=True))) ** 0.5
            for pair in zip(computed, exact, strict=True)
        ]
    )


def layer(kind, rng):
    """Rows, a weight and a bias, as bad for float32 as can be thought of."""
    x, weight = rng.standard_normal((3, 40)), rng.standard_normal((40, 5))
    if kind == "cancelling":
        x[:, 20:], weight[20:] = x[:, :20], -weight[:20] * (1 + rng.standard_normal((20, 5)) * 1e-7)
    elif kind == "of all sizes":
        x *= 2.0 ** rng.integers(-40, 40, x.shape)
        weight *= 2.0 ** rng.integers(-20, 20, weight.shape)
    elif kind == "below the normal range":
        x *= 2.0**-70
        weight *= 2.0 ** rng.integers(-80, -40, weight.shape)
    elif kind == "all of one sign":
        x, weight = np.abs(x), np.abs(weight)
    bias = rng.standard_normal(5) * np.abs(weight).max()
    return x.astype(np.float32), weight.astype(np.float32), bias.astype(np.float32)


KINDS = ["plain", "cancelling", "of all sizes", "below the normal range", "all of one sign"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_order_of_a_sum_errs_by_more_than_the_bound(kind):
    rng = np.random.default_rng(0)
    for _ in range(3):
        x, weight, bias = layer(kind, rng)
        bound = LayerSize.of(weight, bias).growth(41, FLOAT32).after(np.zeros(3), norms(x))
        exact = exactly(x, weight, bias)
        orders = [np.arange(40), np.argsort(-np.abs(x[0])), rng.permutation(40)]
        for computed in (x @ weight + bias, *(in_order(x, weight, bias, order) for order in orders)):
            assert (error(computed, exact) <= bound).all()


def test_a_sum_whose_roundings_all_go_one_way_comes_within_a_tenth_of_the_bound():
    x = np.full((1, 128), 2.0**-24, np.float32)
    x[0, 0] = 1
    weight, bias = np.ones((128, 1), np.float32), np.zeros(1, np.float32)
    found = error(in_order(x, weight, bias, range(128)), exactly(x, weight, bias))
    size = np.linalg.norm(x.astype(np.float64), axis=1)
    bound = LayerSize.of(weight, bias).growth(128, FLOAT32).after(np.zeros(1), size)
    assert 0.08 < found[0] / bound[0] < 1  # |w||x| is at most the product of norms: 11.3 for 1 here


def test_an_error_that_comes_in_is_stretched_by_no_more_than_the_bound():
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((30, 10))
    growth = LayerSize.of(weight, None).growth(31, FLOAT64)
    worst = np.linalg.svd(weight)[0][:, 0]  # the direction that is stretched most
    found = np.linalg.norm(worst * 1e-3 @ weight)
    bound = growth.after(np.array([1e-3]), np.array([0.0]))[0]
    assert found <= bound < found * 1.001


def test_a_layer_at_several_places_stretches_by_the_root_of_how_often_an_input_is_used():
    rng = np.random.default_rng(2)
    weight = rng.standard_normal((3, 4))  # of a convolution along a line: three neighbours, four outputs
    whole = np.zeros((20, 18 * 4))
    for place in range(18):
        whole[place : place + 3, 4 * place : 4 * place + 4] = weight
    size = LayerSize.of(weight, np.ones(4), places=18, shared=3)
    assert np.linalg.norm(whole, 2) <= size.stretch
    assert np.linalg.norm(np.abs(whole), 2) <= size.absolute
    assert np.sqrt(18 * 4) <= size.bias < np.sqrt(18 * 4) * 1.001


def test_spectral_norm_is_not_less_than_it_is_and_hardly_more():
    rng = np.random.default_rng(3)
    for shape in ((1, 1), (5, 300), (300, 5), (40, 40)):
        matrix = rng.standard_normal(shape) * 1e-5
        true = np.linalg.norm(matrix, 2)
        assert true <= spectral_norm(matrix) <= true * 1.0001


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_spectral_norm_of_what_is_no_number_is_infinite(odd):
    assert spectral_norm(np.array([[1, odd]])) == np.inf


def test_norms_are_not_less_than_they_are_even_where_squares_vanish():
    rng = np.random.default_rng(4)
    for scale in (1, 2.0**-70, 2.0**-140, 2.0**30):
        rows = (rng.standard_normal((3, 70, 7)) * scale).astype(np.float32)
        true = np.linalg.norm(rows.reshape(3, -1).astype(np.float64), axis=1)
        assert (true <= norms(rows)).all()
        assert (norms(rows) <= true * 1.001 + 2.0**-57).all()


def test_norm_of_what_overflows_is_infinite():
    with np.errstate(over="ignore"):
        assert norms(np.full((1, 2), 1e30, np.float32)).tolist() == [np.inf]


def test_gamma_is_what_higham_defines():
    assert gamma(1, FLOAT32) == 2.0**-24 / (1 - 2.0**-24)
    assert gamma(1000, FLOAT64) == pytest.approx(1000 * 2.0**-53)
