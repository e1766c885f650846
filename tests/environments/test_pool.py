"""The environments of a worker: kept for the next attempt where that is safe."""

import dataclasses
import threading

import pytest

from builder.environments.environment import resolve
from builder.environments.pool import EnvironmentPool, turn


@pytest.fixture
def spec():
    return resolve("CartPole-v1", {}, max_episode_steps=None, max_steps=None)


def test_an_environment_that_forgets_its_past_is_kept_for_the_next_attempt(spec):
    pool = EnvironmentPool(dataclasses.replace(spec, reusable=True))
    first = pool.take()
    pool.give_back(first)
    assert pool.take() is first
    assert pool.take() is not first


def test_any_other_is_closed_after_its_attempt(spec):
    pool = EnvironmentPool(dataclasses.replace(spec, reusable=False))
    first = pool.take()
    closed = []
    first.close = lambda: closed.append(first)
    pool.give_back(first)
    assert closed == [first]
    assert pool.take() is not first


def test_those_that_wait_are_closed_with_the_pool(spec):
    pool = EnvironmentPool(dataclasses.replace(spec, reusable=True))
    both, closed = [pool.take(), pool.take()], []
    for environment in both:
        environment.close = lambda: closed.append(True)
        pool.give_back(environment)
    pool.close()
    pool.close()
    assert closed == [True, True]


@pytest.mark.parametrize("single", [True, False])
def test_who_is_right_only_alone_waits_for_its_turn(spec, single):
    spec = dataclasses.replace(spec, single=single)
    begun, went_on = threading.Event(), threading.Event()

    def other():
        begun.set()
        with turn(spec):
            went_on.set()

    thread = threading.Thread(target=other)
    with turn(spec):
        thread.start()
        assert begun.wait(10)
        assert went_on.wait(0.05 if single else 10) is not single
    thread.join(10)
    assert went_on.is_set()


@pytest.mark.parametrize("wrapped", [False, True])
def test_bare_environments_of_mujoco_share_a_model_and_wrapped_ones_do_not(wrapped):
    pytest.importorskip("mujoco")
    spec = resolve("HalfCheetah-v5", {}, max_episode_steps=None, max_steps=None)
    pool = EnvironmentPool(dataclasses.replace(spec, bare=not wrapped))
    one, other = pool.take(), pool.take()
    assert (one.unwrapped.model is other.unwrapped.model) is not wrapped
