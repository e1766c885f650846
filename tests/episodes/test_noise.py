"""What `rollout.noise` may say, and to which actions it can be done."""

import gymnasium as gym
import numpy as np
import pytest

from builder.episodes.noise import Noise, triangular
from builder.errors import ConfigError

BOX = gym.spaces.Box(-1, 1, (2,), np.float32)


def test_the_amounts_are_read():
    assert Noise.of({"kind": "gaussian", "std": 1}) == Noise("gaussian", 1.0)
    assert Noise.of({"kind": "ou", "std": [0.1, 0.2], "theta": 0.5}) == Noise("ou", (0.1, 0.2), None, 0.5)
    assert Noise.of({"kind": "gaussian", "cov": [[1, 0], [0, 2]]}).cov == ((1.0, 0.0), (0.0, 2.0))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "gausian", "std": 1}, r"rollout\.noise is unknown; expected gaussian or"),
        ({"std": 1}, r"rollout\.noise has no kind beside std"),
        ({"kind": ["ou"]}, r"rollout\.noise is unknown"),
        ({"kind": "gaussian"}, r"does not say how much; add rollout\.noise\.std="),
        ({"kind": "gaussian", "sdt": 1}, r"has no 'sdt'; did you mean 'std'"),
        ({"kind": "gaussian", "std": -1}, r"std is out of range; expected at least 0"),
        ({"kind": "gaussian", "std": float("nan")}, r"std is out of range"),
        ({"kind": "gaussian", "std": []}, r"std is out of range"),
        ({"kind": "epsilon", "epsilon": 1.5}, r"epsilon is out of range; expected 0 to 1"),
        ({"kind": "epsilon", "epsilon": [0.5]}, r"epsilon is out of range"),
        ({"kind": "sticky", "probability": True}, r"probability is out of range"),
        ({"kind": "ou", "std": 1, "theta": 0}, r"theta is out of range"),
        ({"kind": "gaussian", "std": 1, "cov": [[1]]}, r"say the same twice"),
        ({"kind": "gaussian", "cov": [[1, 2]]}, r"expected a symmetric matrix"),
        ({"kind": "gaussian", "cov": [[1, 2], [3, 1]]}, r"expected a symmetric matrix"),
        ({"kind": "gaussian", "cov": [[1, 2], [2, 1]]}, r"no negative variance"),
        ({"kind": "gaussian", "cov": [[0, 1], [1, 0]]}, r"no negative variance"),
    ],
    ids=range(17),
)
def test_what_is_no_noise_is_refused_in_a_line(given, message):
    with pytest.raises(ConfigError, match=message):
        Noise.of(given)


@pytest.mark.parametrize(
    ("given", "space", "message"),
    [
        ({"kind": "gaussian", "std": 1}, gym.spaces.Discrete(2), r"is for continuous actions"),
        ({"kind": "ou", "std": 1}, gym.spaces.Box(0, 9, (2,), np.int64), r"is for continuous actions"),
        (
            {"kind": "epsilon", "epsilon": 0.5},
            gym.spaces.Box(-np.inf, 1, (2,), np.float32),
            r"draws from bounds",
        ),
        ({"kind": "gaussian", "std": [1, 2, 3]}, BOX, r"std does not fit the actions; expected 2"),
        ({"kind": "gaussian", "cov": [[1]]}, BOX, r"cov does not fit the actions; expected 2"),
    ],
    ids=range(5),
)
def test_what_does_not_suit_the_actions_is_refused_in_a_line(given, space, message):
    with pytest.raises(ConfigError, match=message):
        Noise.of(given).check(space)


def test_every_kind_suits_the_actions_that_it_is_for():
    continuous, choices = BOX, gym.spaces.MultiDiscrete([2, 3])
    for given in ({"kind": "uniform", "half_width": 1}, {"kind": "epsilon", "epsilon": 1}):
        Noise.of(given).check(continuous)
    for given in ({"kind": "sticky", "probability": 1}, {"kind": "epsilon", "epsilon": 1}):
        Noise.of(given).check(choices)


def test_the_factor_of_a_covariance_gives_it_again_also_where_it_is_flat():
    for cov in ([[4.0, 1.0], [1.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]]):
        factor = triangular(cov)
        np.testing.assert_allclose(factor @ factor.T, cov, atol=1e-12)
        np.testing.assert_array_equal(factor, np.tril(factor))


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"std": 0.3}, r"add rollout\.noise=gaussian or ou$"),
        ({"kind": None, "epsilon": 0.3}, r"add rollout\.noise=epsilon$"),
    ],
    ids=["std", "epsilon"],
)
def test_an_amount_without_a_kind_names_the_kinds_that_it_is_of(given, remedy):
    with pytest.raises(ConfigError, match=remedy):
        Noise.of(given)


def test_a_covariance_that_is_too_large_is_refused_before_it_is_looked_at():
    with pytest.raises(ConfigError, match="at most 256 rows"):
        Noise.of({"kind": "gaussian", "cov": [[1.0]] * 257})
