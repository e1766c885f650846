"""Likelihoods and the border between two float32 numbers."""

import numpy as np
import pytest

from builder.experts.network.evaluation import Bits, Categories, Estimate, Gaussian


def sure(*values):
    values = np.array(values)
    return Estimate(values, np.ones(values.shape))


def test_a_number_at_a_border_is_left_to_a_wider_type():
    border = 1 + 2.0**-24  # between 1 and the next float32
    values, unsure = sure(1.0, border, border + 2.0**-30).rounded()
    assert values.dtype == np.float32
    assert unsure.tolist() == [False, True, False]
    exact, none = Estimate(np.longdouble([border]) + np.longdouble(2) ** -60, np.ones(1)).rounded()
    assert exact[0] == np.float32(1 + 2.0**-23)
    assert none is None


def test_a_row_of_many_numbers_is_unsure_as_a_whole():
    _, unsure = Estimate(np.array([[1.0, 2.0], [1 + 2.0**-24, 2.0]]), np.ones((2, 2))).rounded()
    assert unsure.tolist() == [False, True]


def test_choices_add_up():
    likely = Categories(sure([0.0, 1.0, 2.0, 3.0, 4.0]), (2, 3))
    probabilities = np.exp(likely.distribution().values[0])
    assert probabilities[:2].sum() == pytest.approx(1)
    assert probabilities[2:].sum() == pytest.approx(1)
    assert likely.log_prob(np.array([[1, 2]])).values[0] == pytest.approx(
        np.log(probabilities[1] * probabilities[4])
    )
    assert likely.entropy().values[0] == pytest.approx(-(probabilities * np.log(probabilities)).sum())


def test_what_a_mask_forbids_adds_nothing_to_the_entropy():
    masks = np.array([[True, False, True]])
    logits = sure([0.0, -1e8, 0.0])
    assert Categories(logits, (3,), masks).entropy().values[0] == pytest.approx(np.log(2))


def test_bits_are_independent():
    likely = Bits(sure([0.0, np.log(3)]))
    assert likely.log_prob(np.array([[1, 1]])).values[0] == pytest.approx(np.log(0.5 * 0.75))
    expected = np.log(2) - 0.75 * np.log(0.75) - 0.25 * np.log(0.25)
    assert likely.entropy().values[0] == pytest.approx(expected)


def test_a_normal_action_has_its_density():
    one = np.ones(1)
    likely = Gaussian(sure([1.0]), sure([2.0]), -one, one)
    expected = -0.5 * 0.25 - np.log(2) - np.log(2 * np.pi) / 2
    assert likely.log_prob(np.array([[2.0]])).values[0] == pytest.approx(expected)
    assert likely.entropy().values[0] == pytest.approx(np.log(2) + (1 + np.log(2 * np.pi)) / 2)
    assert likely.distribution().values.tolist() == [[[1.0], [2.0]]]
