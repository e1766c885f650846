"""An attempt's own object is made as the first one was, and gone on with from a moment of its past."""

import threading
import types

import numpy as np
import pytest

from builder.errors import ExpertError
from builder.experts.own_object import LARGE_BYTES, Own, copied, copying, gone_on, kept, remembered


class Plans:
    def __init__(self):
        self.plan = [1, 2, 3]
        self.weights = np.zeros(LARGE_BYTES, np.uint8)


class Locked(Plans):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize("copies", ["lean", "deepcopy", "pickle", "anew"])
def test_each_attempts_object_is_as_the_first_was(copies):
    first = Plans()
    fresh = copying(copies, Plans, first)
    fresh().plan.pop()
    assert fresh().plan == first.plan == [1, 2, 3]
    assert (fresh().weights is first.weights) == (copies == "lean")


@pytest.mark.parametrize("copies", ["lean", "deepcopy", "pickle", "anew"])
def test_what_is_remembered_stays_as_it_is(copies):
    own = Own(Plans())
    memory = remembered(own, copies)
    for _ in range(2):
        again = gone_on(memory, copies, "Plans").policy
        assert again.plan.pop() == 3
    assert own.policy.plan == [1, 2, 3]


@pytest.mark.parametrize("copies", ["deepcopy", "anew"])
def test_an_object_that_cannot_be_copied_goes_on_from_its_last_answer_only(copies):
    own = Own(Locked())
    memory = remembered(own, copies)
    assert gone_on(memory, copies, "Locked") is own
    own.answers += 1
    with pytest.raises(ExpertError, match="the expert Locked cannot go back"):
        gone_on(memory, copies, "Locked")
    assert gone_on(remembered(own, copies), copies, "Locked") is own


def closure():
    plan = [1, 2]

    def predict():
        return plan.pop()

    return types.SimpleNamespace(predict=predict)


def test_a_pickle_brings_what_functions_enclose():
    policy = closure()
    copy = copied(policy, "pickle")
    assert (copy.predict(), policy.predict()) == (2, 2)


def test_what_a_policy_hands_out_is_copied_whatever_it_is():
    array = np.zeros(2)
    value = {"a": (array, [array]), "b": 1.5}
    copy = kept(value)
    array += 1
    assert copy["a"][0].tolist() == copy["a"][1][0].tolist() == [0, 0]
