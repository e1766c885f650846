"""Observations are transformed as the wrappers of training did."""

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import box
from sights import LIMIT, TORQUE, check_same_sight, pendulum, play
from sweeps import case

from builder.errors import SpaceError
from builder.experts.observations.frame_stack import FrameStack, History
from builder.experts.observations.images import Grey, Resized
from builder.experts.observations.transforms import MaskedVelocity, TimeFeature
from builder.experts.observations.wrapped_policy import PolicyView


def test_time_feature_is_sb3_contribs():
    from sb3_contrib.common.wrappers import TimeFeatureWrapper

    check_same_sight(
        PolicyView(decisions=(TimeFeature(LIMIT),)), pendulum, lambda: TimeFeatureWrapper(pendulum())
    )


def test_constant_time_feature_is_the_wrappers_test_mode():
    from sb3_contrib.common.wrappers import TimeFeatureWrapper

    view = PolicyView(decisions=(TimeFeature(LIMIT, constant=True),))
    check_same_sight(view, pendulum, lambda: TimeFeatureWrapper(pendulum(), test_mode=True))


def test_time_feature_goes_to_the_observation_of_a_goal_environment():
    from sb3_contrib.common.wrappers import TimeFeatureWrapper

    def goals():
        return GoalEnv()

    view = PolicyView(decisions=(TimeFeature(1000),))
    check_same_sight(view, goals, lambda: TimeFeatureWrapper(goals()))


class GoalEnv(gym.Env):
    """A walk whose goal stays where it is."""

    action_space = TORQUE

    def __init__(self):
        self.observation_space = gym.spaces.Dict(
            desired_goal=box(1, high=99), observation=box(2, low=-99, high=99)
        )

    def reset(self, *, seed=None, options=None):
        self.place = np.array([seed, 0], np.float32)
        return self.observe(), {}

    def step(self, action):
        self.place = self.place + action
        return self.observe(), 0.0, False, False, {}

    def observe(self):
        return {"desired_goal": np.ones(1, np.float32), "observation": self.place}


@pytest.mark.parametrize("clip", [10.0, 0.5])
def test_normalisation_is_sb3s(normalised, clip):
    transform, wrap = normalised(pendulum, clip_obs=clip)
    check_same_sight(PolicyView(decisions=(transform,)), pendulum, pendulum, wrap)


def test_normalisation_of_some_keys_leaves_the_others_alone(normalised):
    transform, wrap = normalised(GoalEnv, norm_obs_keys=["observation"])
    check_same_sight(PolicyView(decisions=(transform,)), GoalEnv, GoalEnv, wrap)


def test_float64_observations_are_normalised_before_they_are_rounded(normalised):
    def shifted():
        return gym.wrappers.TransformObservation(
            pendulum(), lambda seen: seen + 1e9, box(3, low=-np.inf, high=np.inf, dtype=np.float64)
        )

    transform, wrap = normalised(shifted)
    check_same_sight(PolicyView(decisions=(transform,)), shifted, shifted, wrap)


def test_history_joins_past_observations_and_past_actions():
    seen, played = play(PolicyView(decisions=(History(2),)), pendulum, lanes=2, steps=4)
    raw, _ = play(PolicyView(), pendulum, lanes=2, steps=4)
    for lane in seen:
        first = [np.zeros(3), *(row[0] for row in raw[lane])]
        actions = [np.zeros(1), np.zeros(1), *played[lane]]
        for step, (row,) in enumerate(seen[lane]):
            expected = np.concatenate([first[step], first[step + 1], actions[step], actions[step + 1]])
            np.testing.assert_array_equal(row, expected.astype(np.float32))


def test_masked_velocities_are_zero():
    seen, _ = play(PolicyView(decisions=(MaskedVelocity((2,)),)), pendulum)
    rows = np.stack([row for rows in seen.values() for (row,) in rows])
    assert (rows[:, 2] == 0).all()
    assert (rows[:, :2] != 0).all()


UNFIT = [
    (TimeFeature(9), box(2, 2)),
    (TimeFeature(9), gym.spaces.Discrete(3)),
    (TimeFeature(9), gym.spaces.Dict(a=box(2))),
    (History(2), box(2, 2)),
    (FrameStack(2), gym.spaces.Discrete(3)),
    (Grey(keep_channel=True), box(4)),
    (Grey(keep_channel=True), gym.spaces.Box(0, 255, (9, 9, 1), np.uint8)),
    (Resized(84, 84), gym.spaces.Box(0, 255, (9, 9, 1), np.uint8)),
]


def test_transform_refuses_a_space_that_it_does_not_fit():
    for transform, space in UNFIT:
        with case(transform, space), pytest.raises(SpaceError):
            PolicyView(decisions=(transform,)).space(space, TORQUE)


def test_statistics_of_another_shape_are_refused(normalised):
    transform, _ = normalised(pendulum)
    with pytest.raises(SpaceError, match=r"statistics do not fit .* shape \(3,\)"):
        PolicyView(decisions=(transform,)).space(box(4), TORQUE)
