"""What an environment answers is taken exactly as it is meant, or refused."""

import decimal

import gymnasium as gym
import numpy as np
import pytest
import torch
from sweeps import case

from builder.environments import answers
from builder.episodes.spaces import leaves
from builder.errors import EnvironmentError_, SpaceError

ONE_NUMBER = [
    (1, 1.0),
    (True, 1.0),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.int64(2**53), 2.0**53),
    (np.array(0.5), 0.5),
    (np.array([0.5]), 0.5),
    (np.array([[np.float32(0.1)]]), float(np.float32(0.1))),
    ([0.5], 0.5),
    (torch.tensor(0.5), 0.5),
    (torch.tensor([0.25]), 0.25),
    (np.float64("inf"), np.inf),
]


def test_a_reward_of_one_number_is_that_number():
    for reward, value in ONE_NUMBER:
        with case(reward, value):
            assert answers.reward_value(reward) == value


def test_a_reward_that_is_not_a_number_stays_so_and_is_found_later():
    assert np.isnan(answers.reward_value(np.array([np.nan])))


NO_NUMBERS = [
    *(None, "0.5", "nan", [], [0.5, 0.5], np.zeros(2), {}, 1j, 2**53 + 1, np.int64(2**53 + 1), object()),
    *(decimal.Decimal("0.1"), np.longdouble(1) / 3, np.array(["1"]), torch.zeros(2)),
]


def test_a_reward_that_is_no_number_of_float64_is_refused():
    for reward in NO_NUMBERS:
        with case(reward), pytest.raises(EnvironmentError_, match="a reward that is not one number"):
            answers.reward_value(reward)


def test_a_flag_of_one_truth_value_is_that_value():
    for truth in [True, 1, 1.0, np.True_, np.array([1]), np.array(True), torch.tensor([True])]:
        with case(truth):
            assert answers.ended(truth, False) == (True, False)
            assert answers.ended(0, truth) == (False, True)


@pytest.mark.parametrize("flag", ["False", 2, np.array([1, 0]), [True, True], object()])
def test_a_flag_that_is_no_truth_value_is_refused(flag):
    with pytest.raises(EnvironmentError_, match="'terminated' that is not one truth value"):
        answers.ended(flag, False)


class Bare(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    answer = np.zeros(2, np.float32)

    def reset(self, *, seed=None, options=None):
        return self.answer


class WithoutSeed(Bare):
    def reset(self):
        return self.answer, {}


class Failing(Bare):
    def reset(self, *, seed=None, options=None):
        return len(None)


def test_a_reset_that_gives_a_pair_begins_with_its_first_part():
    environment = Bare()
    environment.answer = ("observed", {})
    assert answers.begin(environment, 0) == "observed"


@pytest.mark.parametrize(
    "answer", [np.zeros(2, np.float32), None, (np.zeros(1), np.zeros(1)), (np.zeros(2), {}, {}), {"a": 1}]
)
def test_a_reset_that_gives_no_pair_is_refused(answer):
    """An array of two numbers could be taken apart as if it were one."""
    environment = Bare()
    environment.answer = answer
    with pytest.raises(EnvironmentError_, match=r"expected a pair \(observation, info\)"):
        answers.begin(environment, 0)


def test_a_reset_without_a_seed_is_refused_as_such():
    with pytest.raises(EnvironmentError_, match="reset takes no seed"):
        answers.begin(WithoutSeed(), 0)


def test_what_a_reset_raises_itself_is_not_taken_for_a_missing_seed():
    with pytest.raises(TypeError, match="NoneType"):
        answers.begin(Failing(), 0)


class Spaceless(gym.Env):
    pass


class Odd(Bare):
    action_space = "left or right"


@pytest.mark.parametrize(
    ("kind", "what"),
    [(Spaceless, "x has no observation_space.*got none"), (Odd, "x has no action_space.*got builtins.str")],
)
def test_an_environment_without_spaces_is_refused(kind, what):
    with pytest.raises(SpaceError, match=what):
        answers.spaces_of(kind(), "x")


def test_values_that_cannot_share_memory_are_told_from_those_that_may():
    table = np.zeros((2, 3))
    one, other = np.zeros(3), np.zeros(3)
    assert answers.separate([one, other])
    assert answers.separate([one[:2], other[:2]])
    assert answers.separate([1, 2.5, True])
    assert answers.separate([np.float32(1), np.float32(1)])
    assert answers.separate([np.True_, np.True_])
    assert not answers.separate([one, one])
    assert not answers.separate([one, one[:]])
    assert not answers.separate([one[:2], one[1:]])
    assert not answers.separate([table[0], table[1]])
    assert not answers.separate([np.zeros(()), (shared := np.zeros(())), shared])
    assert not answers.separate([np.frombuffer(bytearray(24)), np.zeros(3)])
    assert not answers.separate([[0.0], [0.0]])


def test_a_copy_of_a_nested_value_shares_nothing_with_it():
    given = {"a": np.zeros(2), "b": (np.zeros(1), 3)}
    found = answers.copied(given)
    given["a"][:] = given["b"][0][:] = 1
    assert found["a"].tolist() == [0, 0]
    assert (found["b"][0].tolist(), int(found["b"][1])) == ([0], 3)


DICT = gym.spaces.Dict({"at": gym.spaces.Box(-1, 1, (2,), np.float32), "door": gym.spaces.Discrete(3)})


@pytest.mark.parametrize(
    ("observation", "what"),
    [
        ({"at": np.zeros(2, np.float32)}, "lack the part 'door'"),
        (np.zeros(2, np.float32), "lack the part 'at'"),
        (None, "lack the part 'at'"),
        ({"at": np.zeros(3, np.float32), "door": 1}, r"expected float32\[2\]; got float32\[3\]"),
        ({"at": np.zeros(2, np.float32), "door": 0.5}, r"\(at door\); expected int64\[\]; got float64\[\]"),
    ],
)
def test_an_observation_without_the_parts_of_its_space_is_refused(observation, what):
    with pytest.raises(SpaceError, match=what):
        answers.parts_of(leaves(DICT), observation)
