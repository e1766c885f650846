"""Actions are those of their space: refused or clipped, and what is given on is what is recorded."""

import gymnasium as gym
import numpy as np
import pytest
from sweeps import sweep

from builder.errors import NotFiniteError, SpaceError
from builder.rollout.rules import ActionRule

BOX = gym.spaces.Box(-1, 1, (2,), np.float32)


def apply(space, *columns, clip=False):
    return ActionRule(space, clip=clip).apply(columns)


def test_actions_of_the_space_are_given_on_as_they_are():
    given = np.array([[-1, 1], [0.5, 0]], np.float32)
    assert apply(BOX, given)[0] is given


def test_an_action_beyond_the_bounds_of_a_box_is_refused_with_its_remedy():
    with pytest.raises(SpaceError, match=r"expected -1.0 to 1.0; got 1.5; rollout.out_of_bounds=clip"):
        apply(BOX, np.array([[0, 0], [0, 1.5]], np.float32))


def test_clipped_actions_are_the_nearest_ones_and_leave_the_experts_array_alone():
    given = np.array([[-3, 1], [0.5, 2]], np.float32)
    (found,) = apply(BOX, given, clip=True)
    assert (found.tolist(), found.dtype) == ([[-1, 1], [0.5, 1]], np.float32)
    assert given[0, 0] == -3


def test_whole_numbers_of_a_box_are_held_to_its_bounds_too():
    space = gym.spaces.Box(0, 9, (1,), np.uint8)
    with pytest.raises(SpaceError, match="expected 0 to 9; got 200"):
        apply(space, np.array([[200]], np.uint8))
    assert apply(space, np.array([[200]], np.uint8), clip=True)[0].tolist() == [[9]]


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@sweep("space", [BOX, gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)])
def test_an_action_that_is_not_finite_is_refused_whatever_the_bounds(space, value, clip):
    with pytest.raises(NotFiniteError, match="not a number"):
        apply(space, np.array([[0, value]], np.float32), clip=clip)


@pytest.mark.parametrize("clip", [False, True])
def test_a_choice_that_does_not_exist_is_never_replaced_by_another(clip):
    with pytest.raises(SpaceError, match="expected 0 to 1; got 2"):
        apply(gym.spaces.Discrete(2), np.array([0, 2]), clip=clip)
    with pytest.raises(SpaceError, match="expected -1 to 1; got 2; Stable-Baselines3 ignores `start`"):
        apply(gym.spaces.Discrete(3, start=-1), np.array([2]), clip=clip)
    with pytest.raises(SpaceError, match="expected 5 to 6; got 0; Stable-Baselines3 ignores `start`"):
        apply(gym.spaces.MultiDiscrete([2, 2], start=[5, 5]), np.array([[0, 5]]), clip=clip)


def test_each_part_of_a_nested_action_is_held_to_its_own_bounds():
    space = gym.spaces.Dict({"arm": gym.spaces.Box(-1, 1, (1,)), "door": gym.spaces.Discrete(2)})
    with pytest.raises(SpaceError, match=r"\(at arm\); expected -1.0 to 1.0; got 2.0"):
        apply(space, np.array([[2]], np.float32), np.array([0]))
    arm, door = apply(space, np.array([[2]], np.float32), np.array([1]), clip=True)
    assert (arm.tolist(), door.tolist()) == ([[1]], [1])
