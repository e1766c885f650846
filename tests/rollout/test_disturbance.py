"""Noise on actions: of the stated size, within the space, and each attempt's own."""

import gymnasium as gym
import numpy as np
import pytest

from builder.episodes.context import Context
from builder.episodes.noise import Noise
from builder.episodes.spaces import leaves
from builder.rollout.disturbance import Disturbance

WIDE = gym.spaces.Box(-100, 100, (2,), np.float64)
NARROW = gym.spaces.Box(-1, 1, (2,), np.float32)
PAIR = gym.spaces.MultiDiscrete([3, 4])
NESTED = gym.spaces.Dict(a=NARROW, b=gym.spaces.Discrete(3, start=5))
KINDS = {
    "gaussian": (NARROW, {"std": 0.5}),
    "cov": (NARROW, {"kind": "gaussian", "cov": [[0.5, 0.2], [0.2, 0.3]]}),
    "uniform": (NARROW, {"half_width": 0.5}),
    "ou": (NARROW, {"std": 0.5}),
    "epsilon": (NESTED, {"epsilon": 0.5}),
    "sticky": (PAIR, {"probability": 0.5}),
}


def noise(kind, **amounts):
    return Noise.of({"kind": kind, **amounts})


def disturbed(noise, space, steps, action, attempts=range(1), *, masks=None):
    """Per leaf [steps, attempts, ...]: what is done where the expert always chooses the same."""
    disturbance = Disturbance(noise, space)
    lanes = list(range(len(attempts)))
    for lane, attempt in enumerate(attempts):
        disturbance.begin(lane, Context(attempt))
    given = [np.stack([value] * len(lanes)) for value in action]
    masks = None if masks is None else np.stack([masks] * len(lanes))
    done = [disturbance.apply(given, lanes, masks) for _ in range(steps)]
    return [np.stack(values) for values in zip(*done, strict=True)]


def middle(space):
    """An action, per leaf."""
    space.seed(0)
    sample = space.sample()
    return [np.asarray(leaf.pick(sample), leaf.dtype) for leaf in leaves(space)]


def test_gaussian_noise_has_the_standard_deviation_of_each_number():
    found = disturbed(noise("gaussian", std=[1, 3]), WIDE, 4000, [np.array([5.0, -5.0])])[0][:, 0]
    np.testing.assert_allclose(found.mean(axis=0), [5, -5], atol=0.2)
    np.testing.assert_allclose(found.std(axis=0), [1, 3], rtol=0.05)


def test_gaussian_noise_has_the_given_covariance():
    cov = [[2.0, -1.0], [-1.0, 1.0]]
    found = disturbed(noise("gaussian", cov=cov), WIDE, 8000, [np.zeros(2)])[0][:, 0]
    np.testing.assert_allclose(np.cov(found.T), cov, atol=0.1)


def test_uniform_noise_is_within_its_half_width():
    found = disturbed(noise("uniform", half_width=2), WIDE, 4000, [np.zeros(2)])[0][:, 0]
    assert 1.99 < np.abs(found).max() <= 2
    np.testing.assert_allclose(found.std(axis=0), 2 / np.sqrt(3), rtol=0.05)


def test_ornstein_uhlenbeck_noise_keeps_its_standard_deviation_and_follows_itself():
    found = disturbed(noise("ou", std=2, theta=0.3), WIDE, 300, [np.zeros(2)], range(200))[0][..., 0]
    np.testing.assert_allclose(found.std(axis=1)[[0, 10, 299]], 2, rtol=0.2)
    along = np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]
    assert along == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "ou", "epsilon"])
def test_what_is_done_is_within_the_bounds_in_the_dtype_of_the_space(kind):
    amount = {"uniform": {"half_width": 9}, "epsilon": {"epsilon": 0.9}}.get(kind, {"std": 9})
    found = disturbed(noise(kind, **amount), NARROW, 200, [np.array([0.5, -0.5], np.float32)])[0]
    assert found.dtype == np.float32
    assert NARROW.low[0] <= found.min() < -0.9 < 0.9 < found.max() <= NARROW.high[0]


def test_epsilon_replaces_that_share_of_each_choice_by_any_other():
    found = disturbed(noise("epsilon", epsilon=0.4), PAIR, 4000, [np.array([1, 1])])[0][:, 0]
    np.testing.assert_allclose((found != 1).mean(axis=0), [0.4 * 2 / 3, 0.4 * 3 / 4], atol=0.03)
    assert {*found[:, 0]} == {0, 1, 2}
    assert abs(np.corrcoef(found[:, 0] != 1, found[:, 1] != 1)[0, 1]) < 0.05


def test_epsilon_replaces_a_continuous_action_as_a_whole():
    found = disturbed(noise("epsilon", epsilon=0.4), NARROW, 2000, [np.zeros(2, np.float32)])[0][:, 0]
    assert ((found == 0).sum(axis=1) % 2 == 0).all()
    assert (found[:, 0] != 0).mean() == pytest.approx(0.4, abs=0.04)


def test_epsilon_draws_whole_numbers_from_the_whole_of_a_box_of_them():
    space = gym.spaces.Box(-2, 3, (1,), np.int16)
    found = disturbed(noise("epsilon", epsilon=1), space, 300, [np.zeros(1, np.int16)])[0]
    assert (found.dtype, {*found.ravel().tolist()}) == (np.int16, {-2, -1, 0, 1, 2, 3})


def test_epsilon_chooses_among_what_is_allowed():
    mask = np.array([True, False, True, False, True, False, False])
    found = disturbed(noise("epsilon", epsilon=1), PAIR, 200, [np.array([0, 1])], masks=mask)[0][:, 0]
    assert ({*found[:, 0].tolist()}, {*found[:, 1].tolist()}) == ({0, 2}, {1})


def test_a_space_that_starts_elsewhere_is_drawn_from_as_it_is():
    space = gym.spaces.Discrete(3, start=5)
    found = disturbed(noise("epsilon", epsilon=1), space, 100, [np.array(5)])[0]
    assert {*found.ravel().tolist()} == {5, 6, 7}
    only = np.array([False, False, True])
    masked = disturbed(noise("epsilon", epsilon=1), space, 20, [np.array(5)], masks=only)[0]
    assert {*masked.ravel().tolist()} == {7}


def sticking(probability, chosen, masks=None):
    disturbance = Disturbance(noise("sticky", probability=probability), gym.spaces.Discrete(50))
    disturbance.begin(0, Context(0))
    masks = masks or [None] * len(chosen)
    return [
        int(disturbance.apply([np.array([action])], [0], mask)[0][0])
        for action, mask in zip(chosen, masks, strict=True)
    ]


def test_sticky_actions_repeat_what_was_done_and_not_what_was_chosen():
    assert sticking(1.0, range(10)) == [0] * 10
    assert sticking(0.0, range(10)) == list(range(10))
    done = sticking(0.5, range(50))
    fresh = [action == step for step, action in enumerate(done)]
    assert all(done[step] == done[step - 1] for step in range(1, 50) if not fresh[step])
    assert 10 < sum(fresh) < 40


def test_an_action_that_is_not_allowed_any_more_does_not_stick():
    masks = [np.ones((1, 50), bool) for _ in range(4)]
    masks[2][0, 0] = False
    assert sticking(1.0, range(4), masks) == [0, 0, 2, 2]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_attempt_is_disturbed_alike_on_whatever_lane_with_whomever(kind):
    space, amounts = KINDS[kind]
    asked = noise(**{"kind": kind, **amounts})
    many = disturbed(asked, space, 40, middle(space), range(5))
    for attempt in range(5):
        alone = disturbed(asked, space, 40, middle(space), [attempt])
        for all_lanes, one in zip(many, alone, strict=True):
            np.testing.assert_array_equal(all_lanes[:, attempt], one[:, 0])


def test_no_two_attempts_are_disturbed_alike_and_the_choice_is_left_as_it_is():
    given = np.zeros((2, 2), np.float32)
    disturbance = Disturbance(noise("gaussian", std=0.1), NARROW)
    for lane in range(2):
        disturbance.begin(lane, Context(lane))
    done = disturbance.apply([given], [0, 1])[0]
    assert (done[0] != done[1]).all()
    assert not given.any()


def test_a_lane_that_begins_again_is_disturbed_as_at_first():
    disturbance = Disturbance(noise("ou", std=0.1), NARROW)
    runs = []
    for _ in range(2):
        disturbance.begin(0, Context(3))
        runs.append([disturbance.apply([np.zeros((1, 2), np.float32)], [0])[0] for _ in range(5)])
    np.testing.assert_array_equal(*runs)


def test_more_noise_of_a_kind_is_the_same_noise_at_another_scale():
    small, large = (disturbed(noise("gaussian", std=std), WIDE, 10, [np.zeros(2)])[0] for std in (1, 2))
    np.testing.assert_allclose(2 * small, large)
    few, many = (
        disturbed(noise("epsilon", epsilon=epsilon), PAIR, 300, [np.array([1, 1])])[0]
        for epsilon in (0.2, 0.6)
    )
    np.testing.assert_array_equal(few[few != 1], many[few != 1])
