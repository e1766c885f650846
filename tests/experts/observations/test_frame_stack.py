"""Frames are stacked as in training."""

import gymnasium as gym
import numpy as np
import pytest
from sights import LIMIT, Pictures, Recorder, check_same_sight, pendulum

from builder.episodes.context import Context
from builder.experts.observations.frame_stack import FrameStack, PictureStack
from builder.experts.observations.transforms import TimeFeature
from builder.experts.observations.wrapped_policy import PolicyView, WrappedActor


def test_stacking_comes_after_time_and_normalisation(normalised):
    from sb3_contrib.common.wrappers import TimeFeatureWrapper
    from stable_baselines3.common.vec_env import VecFrameStack

    def timed():
        return TimeFeatureWrapper(pendulum())

    transform, wrap = normalised(timed)
    view = PolicyView(decisions=(TimeFeature(LIMIT), transform, FrameStack(3)))
    check_same_sight(view, pendulum, timed, lambda vector: VecFrameStack(wrap(vector), 3))


@pytest.mark.parametrize("shape", [(12, 10, 1), (12, 10, 3), (3, 12, 10)])
def test_pictures_are_stacked_along_their_channels(shape):
    from stable_baselines3.common.vec_env import VecFrameStack

    check_same_sight(
        PolicyView(decisions=(FrameStack(4),)),
        lambda: Pictures(shape),
        lambda: Pictures(shape),
        lambda vector: VecFrameStack(vector, 4),
    )


def test_single_pictures_are_stacked_before_the_rows_of_each_lane():
    space = gym.spaces.Box(0, 255, (12, 10), np.uint8)
    recorder = Recorder(gym.spaces.Discrete(4))
    actor = WrappedActor(recorder, PolicyView(decisions=(PictureStack(3),)), space, recorder.space)
    frames = np.random.default_rng(0).integers(0, 256, (4, 12, 10), dtype=np.uint8)
    for lane in (0, 5, 0):  # on lane 0 a second attempt, which must not see the first
        actor.begin(lane, Context(lane))
        for frame in frames:
            actor.act([frame[None]], [lane])
        padded = np.concatenate([np.zeros((2, 12, 10), np.uint8), frames])
        for step, (seen,) in enumerate(recorder.seen[lane]):
            np.testing.assert_array_equal(seen, padded[step : step + 3])


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 1)])
def test_the_first_picture_stands_for_what_was_before_it_where_training_had_it_so(shape):
    space = gym.spaces.Box(0, 255, shape, np.uint8)
    observer = PictureStack(3, repeated=True).observer(space, gym.spaces.Discrete(4))
    frames = np.random.default_rng(0).integers(1, 256, (4, *shape), dtype=np.uint8)
    flat = frames.reshape(4, 12, 10)
    padded = np.concatenate([flat[:1], flat[:1], flat])
    for lane in (0, 3, 0):
        observer.begin(lane)
        observer.resume(lane, observer.memory(lane))  # before anything was seen
        for step, frame in enumerate(frames):
            np.testing.assert_array_equal(observer.see([frame[None]], [lane])[0][0], padded[step : step + 3])
            observer.resume(lane, observer.memory(lane))
