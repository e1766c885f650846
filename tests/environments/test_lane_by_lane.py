"""Environments that are stepped one after the other: what goes wrong is the row's own."""

import gymnasium as gym
import numpy as np
import pytest

from builder.environments.lane_by_lane import LaneByLane
from builder.environments.lanes import RowError, SharedBufferError
from builder.errors import EnvironmentError_, SpaceError


class Saying(gym.Env):
    """Answers what it is told to."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, says, first=None):
        self.says, self.first, self.closed = says, first, False

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32) if self.first is None else self.first, {"seed": seed}

    def step(self, action):
        return self.says() if callable(self.says) else self.says

    def close(self):
        self.closed = True


class Source:
    def __init__(self, *environments):
        self.environments, self.given_back = list(environments), []

    def take(self):
        return self.environments.pop(0) if len(self.environments) > 1 else self.environments[0]

    def give_back(self, environment):
        self.given_back.append(environment)

    def close(self):
        pass


def plain():
    return np.ones(2, np.float32), 1.0, False, False, {"x": 1}


def lanes_of(*environments, begin=True):
    lanes = LaneByLane(Source(environments[0], *environments))
    for lane in range(len(environments)):
        lanes.ready(lane)
    begun = lanes.begin({lane: 7 + lane for lane in range(len(environments))})
    lanes.arrange(range(len(environments)))
    return (lanes, begun) if begin else lanes


def step(lanes, rows):
    return lanes.step([np.zeros(rows, np.int64)])


def raising():
    raise RuntimeError("the simulator gave up")


def test_first_observations_are_told_by_lane_with_what_reset_said():
    _, begun = lanes_of(Saying(plain), Saying(plain, first=np.full(2, 0.5, np.float32)))
    assert [begun[lane].observation[0].tolist() for lane in (0, 1)] == [[0, 0], [0.5, 0.5]]
    assert [begun[lane].info["seed"] for lane in (0, 1)] == [7, 8]


def test_a_first_observation_of_another_shape_is_that_lanes_error():
    _, begun = lanes_of(Saying(plain), Saying(plain, first=np.zeros(3, np.float32)))
    assert begun[0].error is None
    assert isinstance(begun[1].error, SpaceError)


def test_what_one_lane_raises_ends_that_row_alone():
    lanes, _ = lanes_of(Saying(plain), Saying(raising), Saying(plain))
    stepped = step(lanes, 3)
    assert stepped.ended == [(1, False, False)]
    assert str(stepped.failed[1]) == "the simulator gave up"
    assert list(stepped.rewards) == [1.0, 0.0, 1.0]
    column = np.empty((3, 2), np.float32)
    lanes.observe([column])
    assert column.tolist() == [[1, 1], [0, 0], [1, 1]]


def test_an_answer_of_four_is_told_as_such():
    lanes, _ = lanes_of(Saying((np.ones(2, np.float32), 1.0, False, {})))
    assert isinstance(step(lanes, 1).failed[0], EnvironmentError_)


def test_a_reward_that_is_no_number_names_its_row():
    lanes, _ = lanes_of(Saying(plain), Saying((np.ones(2, np.float32), "much", False, False, {})))
    with pytest.raises(RowError) as found:
        step(lanes, 2)
    assert found.value.row == 1
    assert "not one number" in str(found.value.error)


def test_an_observation_of_another_dtype_names_its_row():
    lanes, _ = lanes_of(Saying(plain), Saying((np.full(2, 0.1), 1.0, False, False, {})))
    step(lanes, 2)
    with pytest.raises(RowError) as found:
        lanes.observe([np.empty((2, 2), np.float32)])
    assert found.value.row == 1
    assert isinstance(found.value.error, SpaceError)


def test_a_buffer_that_lanes_share_is_noticed_and_copied_from_then_on():
    buffer = np.zeros(2, np.float32)

    def filled(value):
        def say():
            buffer[:] = value
            return buffer, 1.0, False, False, {}

        return say

    lanes, _ = lanes_of(Saying(filled(0.25)), Saying(filled(0.75)))
    column = np.empty((2, 2), np.float32)
    step(lanes, 2)
    with pytest.raises(SharedBufferError):
        lanes.observe([column])
    lanes.copy()
    step(lanes, 2)
    lanes.observe([column])
    assert column.tolist() == [[0.25, 0.25], [0.75, 0.75]]


def test_an_environment_goes_back_after_its_attempt_and_is_closed_where_that_was_given_up():
    one, other = Saying(plain), Saying(plain)
    source = Source(one, one, other)
    lanes = LaneByLane(source)
    lanes.ready(0)
    lanes.ready(1)
    lanes.end(0)
    lanes.discard(1)
    lanes.discard(1)
    assert source.given_back == [one, one]
    assert (one.closed, other.closed) == (False, True)
