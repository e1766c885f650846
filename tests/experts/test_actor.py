"""Who chooses the actions: sampled, or put together for all lanes."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import sampled_spaces

from builder.episodes.context import Context
from builder.episodes.seeding import ACTION_SPACE, stream_seed
from builder.episodes.spaces import leaves
from builder.errors import SpaceError
from builder.experts.actor import RandomPlayer, action_columns, stack_actions

LINE = spaces.Box(-np.inf, np.inf, (2,), np.float32)
ROOM = spaces.Dict({"at": LINE, "door": spaces.Discrete(3)})


def line(*rows):
    return [np.array(rows, np.float32).reshape(-1, 2)]


@given(sampled_spaces, st.integers(0, 5), st.integers(0, 99))
def test_a_random_attempt_samples_the_action_space_with_its_own_seed(space, index, root):
    actor = RandomPlayer().actor(LINE, space)
    actor.begin(0, Context(index, root))
    space.seed(stream_seed(root, index, ACTION_SPACE))
    for _ in range(2):
        sampled = actor.act(line((0, 0)), [0])
        expected = space.sample()
        for leaf, column in zip(leaves(space), sampled, strict=True):
            assert (column.dtype, column.shape) == (leaf.dtype, (1, *leaf.shape))
            np.testing.assert_array_equal(column[0], leaf.pick(expected))


def test_random_attempts_do_not_depend_on_their_lanes_nor_on_each_other():
    def play(*places):
        actor = RandomPlayer().actor(LINE, spaces.Discrete(1000))
        for lane, index in enumerate(places):
            actor.begin(lane, Context(index))
        return dict(zip(places, actor.act(line(*[(0, 0)] * len(places)), range(len(places)))[0], strict=True))

    assert play(3, 4, 5) == {index: play(index)[index] for index in (3, 4, 5)} == play(5, 3, 4)


def test_a_lane_that_begins_again_forgets_what_was_sampled_on_it():
    actor = RandomPlayer().actor(LINE, spaces.Discrete(1000))
    sampled = []
    for _ in range(2):
        actor.begin(0, Context(7))
        sampled.append([int(actor.act(line((0, 0)), [0])[0][0]) for _ in range(3)])
    assert sampled[0] == sampled[1]
    assert len(set(sampled[0])) == 3


def test_a_random_player_survives_pickling():
    assert pickle.loads(pickle.dumps(RandomPlayer())) == RandomPlayer()


NESTED = spaces.Dict(
    {"move": spaces.Discrete(2), "arm": spaces.Tuple([spaces.Box(-1, 1, (1,)), spaces.Discrete(3)])}
)


def test_a_nested_action_is_one_array_per_leaf():
    action = {"move": 1, "arm": (np.array([0.5]), 2)}
    found = stack_actions(action_columns(NESTED), [action, action], 2)
    assert [(column.tolist(), column.dtype.name) for column in found] == [
        ([[0.5], [0.5]], "float32"),
        ([2, 2], "int64"),
        ([1, 1], "int64"),
    ]


@pytest.mark.parametrize(
    ("action", "part", "got"),
    [(1, "arm.0", "int"), ({"move": 1}, "arm.0", "dict"), ({"move": 1, "arm": ([0.5],)}, "arm.1", "dict")],
)
def test_a_nested_action_that_lacks_a_part_is_refused(action, part, got):
    with pytest.raises(SpaceError) as caught:
        stack_actions(action_columns(NESTED), [action], 1)
    assert str(caught.value) == (
        f"the expert's action does not have the structure of the action space: there is no part {part!r};"
        f" got {got}"
    )


def test_an_action_space_that_cannot_be_recorded_is_refused():
    with pytest.raises(SpaceError, match="the action space is a Text space"):
        RandomPlayer().actor(LINE, gym.spaces.Text(3))


def test_an_action_is_copied_before_the_next_comes():
    """A policy may answer with one array that it fills anew."""
    buffer = np.zeros(2, np.float32)

    def answers():
        for number in range(3):
            buffer[:] = number
            yield buffer

    (found,) = stack_actions(action_columns(spaces.Box(-9, 9, (2,))), answers(), 3)
    assert found.tolist() == [[0, 0], [1, 1], [2, 2]]
