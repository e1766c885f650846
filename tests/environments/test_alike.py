"""Lanes that give something else than an instance alone are found out, and where."""

import dataclasses

import pytest

from builder.environments.alike import difference
from builder.environments.behaviour import Script, random_actions, record
from builder.environments.environment import make, resolve
from builder.episodes.context import Context


def scripts_of(spec, count=3):
    space = make(spec).action_space
    return [record(spec, random_actions(space), Context(index, 0), steps=20) for index in range(count)]


def spec_of(env_id):
    return resolve(env_id, {}, max_episode_steps=None, max_steps=None)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Nested-v0", "Pendulum-v1"])
def test_lanes_that_are_each_their_own_are_alike(env_id):
    spec = spec_of(env_id)
    assert difference(dataclasses.replace(spec, reusable=True), scripts_of(spec)) == ""


def test_lanes_that_keep_something_of_an_attempt_before_are_not():
    spec = spec_of("Remembering-v0")
    assert "of seed" in difference(dataclasses.replace(spec, reusable=True), scripts_of(spec))


@pytest.mark.parametrize(
    ("changed", "place"), [({"seed": 5}, "the first observation of seed 5"), ({"trace": 3}, "step 2 of seed")]
)
def test_the_first_difference_is_named(changed, place):
    spec = spec_of("CartPole-v1")
    script = scripts_of(spec, 1)[0]
    if "trace" in changed:
        trace = [*script.trace]
        trace[changed["trace"]] = b"other"
        changed = {"trace": tuple(trace)}
    found = difference(dataclasses.replace(spec, reusable=True), [dataclasses.replace(script, **changed)])
    assert found.startswith(place)


def test_where_nothing_could_be_played_nothing_is_known():
    assert difference(spec_of("CartPole-v1"), [Script(0, (), ())])
