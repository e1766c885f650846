"""What a worker knows of its attempt."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.episodes.context import Context
from builder.episodes.seeding import SAMPLING, attempt_seed, stream_generator


@given(st.integers(0, 10**6), st.integers(0, 2**40))
def test_the_seed_is_the_one_of_the_attempt(index, root):
    assert Context(index, root).seed == attempt_seed(root, index)


def test_the_generator_is_the_one_that_samples_the_attempt():
    assert Context(3, 7).rng.random() == stream_generator(7, 3, SAMPLING).random()


def test_the_generator_goes_on_where_it_was():
    context = Context(0)
    drawn = [context.rng.random(), context.rng.random()]
    assert drawn == stream_generator(0, 0, SAMPLING).random(2).tolist()


def test_lines_are_logged_in_order_as_text():
    context = Context(0)
    context.add_log("half way")
    context.add_log(42)
    assert context.logs == ["half way", "42"]


def test_two_contexts_share_no_log():
    Context(0).add_log("mine")
    assert Context(0).logs == []


def test_a_context_survives_pickling_with_its_log_and_the_place_of_its_generator():
    context = Context(5, 9)
    context.add_log("half way")
    context.rng.random()
    back = pickle.loads(pickle.dumps(context))
    assert (back.index, back.root_seed, back.seed, back.logs) == (5, 9, context.seed, ["half way"])
    assert back.rng.random() == context.rng.random()


def test_a_fresh_context_that_was_pickled_samples_as_it_would_have():
    assert pickle.loads(pickle.dumps(Context(5, 9))).rng.random() == Context(5, 9).rng.random()


def test_a_context_cannot_be_turned_into_another_attempt():
    with pytest.raises(AttributeError, match="cannot assign to field 'index'"):
        Context(0).index = 1
