"""Pictures that a policy saw smaller and grey."""

import gymnasium as gym
import numpy as np
from sights import TORQUE, Pictures, play

from builder.experts.observations.images import Grey, Resized
from builder.experts.observations.wrapped_policy import PolicyView


def test_small_grey_pictures_come_out_with_a_channel():
    view = PolicyView(decisions=(Grey(keep_channel=False), Resized(6, 5)))
    space = gym.spaces.Box(0, 255, (12, 10, 3), np.uint8)
    assert view.space(space, TORQUE).shape == (6, 5, 1)
    seen, _ = play(view, Pictures, steps=2)
    assert seen[0][0][0].shape == (6, 5, 1)
