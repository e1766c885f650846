"""How an environment behaves is found out by playing it again: fresh, with a past, and beside another."""

import random

import gymnasium as gym
import numpy as np
import pytest
import unruly

from builder.environments.behaviour import (
    FORGETS_ITS_PAST,
    KEEPS_ITS_PAST,
    NOTHING_PLAYED,
    Behaviour,
    behaviour,
    random_actions,
    record,
    rehearse,
)
from builder.environments.environment import make, resolve
from builder.episodes.context import Context


@pytest.fixture(autouse=True)
def _unruly():
    unruly.register()
    yield
    unruly.forget()


def spec_of(name):
    return resolve(name if "-v" in name else f"unruly/{name}-v0", {}, max_episode_steps=None, max_steps=None)


def recorded(spec, count=4):
    environment = make(spec)
    environment.close()
    chooser = random_actions(environment.action_space)
    return [record(spec, chooser, Context(index)) for index in range(count)]


def found(name, **options):
    spec = spec_of(name)
    return behaviour(spec, recorded(spec), **options)


@pytest.mark.parametrize(
    "name", ["Calm", "Same", "Keeps", "Edits", "Corridor-v0", "Nested-v0", "CartPole-v1"]
)
def test_an_environment_that_repeats_itself_may_be_used_in_any_way(name):
    assert found(name) == Behaviour()


def test_an_environment_that_ignores_its_seed_is_unlike_itself_even_where_it_is_fresh():
    assert found("Unseeded").unlike.startswith("the first observation of seed ")


@pytest.mark.parametrize("name", ["Drifts", "Remembering-v0"])
def test_an_environment_that_remembers_its_past_is_told_by_an_instance_that_has_one(name):
    behaves = found(name)
    assert behaves.remembers
    assert (behaves.unlike, behaves.alone) == ("", False)


def test_the_step_that_differs_is_named():
    spec = spec_of("Drifts")
    scripts = recorded(spec)
    assert behaviour(spec, scripts).remembers == f"step 8 of seed {scripts[-2].seed}"


def test_what_success_changes_shows_in_episodes_that_succeed():
    spec = spec_of("Harder")
    random_ones = recorded(spec)
    assert behaviour(spec, random_ones) == Behaviour()
    expert = [record(spec, lambda _: lambda _: 0, Context(index)) for index in range(2)]
    assert behaviour(spec, [*random_ones, *expert]).remembers


def test_what_outlives_an_instance_is_told_from_what_nobody_seeds():
    spec = spec_of("HarderForAll")
    scripts = [record(spec, lambda _: lambda _: 0, Context(index)) for index in range(2)]
    behaves = behaviour(spec, scripts)
    assert (behaves.unlike, behaves.outlives) == (f"the first observation of seed {scripts[1].seed}", True)
    assert not found("Unseeded").outlives


def test_draws_from_the_generators_of_the_process_are_named_and_undone():
    np.random.seed(3)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    spec = spec_of("Windy")
    scripts = recorded(spec)
    random.setstate(before[0])
    np.random.seed(3)  # noqa: NPY002
    behaves = behaviour(spec, scripts)
    assert behaves == Behaviour(global_generators=("numpy.random", "random"))
    assert behaves.alone
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_a_generator_that_ends_where_it_began_has_been_drawn_from_as_well():
    spec = spec_of("Windy")
    assert behaviour(spec, recorded(spec, 1)).global_generators == ("numpy.random", "random")


@pytest.mark.parametrize("name", ["Shared", "Restores", "SharedBandit", "Clears", "ClosesAll", "OfItsModule"])
def test_instances_that_disturb_each_other_are_right_only_alone(name):
    behaves = found(name)
    assert behaves.disturbed
    assert (behaves.alone, behaves.unlike, behaves.remembers) == (True, "", "")


def test_where_a_second_instance_cannot_be_made_one_is_enough():
    assert found("OnlyOne") == Behaviour(only_one="port 5005 is in use by another instance")


def test_no_second_instance_is_made_where_that_is_not_wanted():
    assert found("OnlyOne", others=False) == Behaviour()
    assert unruly.OnlyOne.together == 0


def test_one_that_bears_no_other_may_remember_as_well():
    behaves = found("OnlyOneDrifts")
    assert (behaves.alone, bool(behaves.remembers)) == (True, True)


@pytest.mark.parametrize("name", ["Calm", "Drifts", "OnlyOne", "Shared", "Raises"])
def test_every_instance_is_closed(name):
    made, closed = [], []
    kind = vars(unruly)[name]

    class Counted(kind):
        def __init__(self):
            super().__init__()
            made.append(self)

        def close(self):
            super().close()
            closed.append(self)

    gym.register("unruly/Counted-v0", Counted, max_episode_steps=50)
    try:
        found("Counted")
    finally:
        gym.registry.pop("unruly/Counted-v0")
    assert made
    assert len(made) == len(closed)


def test_what_raises_is_compared_up_to_there():
    spec = spec_of("Raises")
    scripts = recorded(spec)
    assert {len(script.actions) for script in scripts} == {4}
    assert behaviour(spec, scripts) == Behaviour()


def test_what_cannot_be_played_at_all_is_not_trusted():
    class Dead(unruly.Calm):
        def reset(self, *, seed=None, options=None):
            raise RuntimeError("no simulator")

    gym.register("unruly/Dead-v0", Dead, max_episode_steps=50)
    try:
        assert found("Dead").remembers == NOTHING_PLAYED
    finally:
        gym.registry.pop("unruly/Dead-v0")


def test_known_actions_are_rehearsed_as_they_were_recorded():
    spec = spec_of("Calm")
    script = recorded(spec, 1)[0]
    assert rehearse(spec, script.seed, script.actions) == script


@pytest.mark.parametrize("part", ["observation", "reward", "end", "dtype"])
def test_any_part_of_a_step_that_differs_is_noticed(part):
    class Late(unruly.Calm):
        resets = 0

        def reset(self, *, seed=None, options=None):
            self.resets += 1
            return super().reset(seed=seed)

        def step(self, action):
            observation, reward, terminated, *rest = super().step(action)
            late = self.t == 5 and self.resets == 2
            observation = observation + late * (part == "observation")
            observation = observation.astype(np.float32) if late and part == "dtype" else observation
            return (
                observation,
                reward + late * (part == "reward"),
                terminated or (late and part == "end"),
                *rest,
            )

    gym.register("unruly/Late-v0", Late, max_episode_steps=50)
    try:
        assert found("Late").remembers.startswith("step 4 of ")
    finally:
        gym.registry.pop("unruly/Late-v0")


@pytest.mark.parametrize("env_id", ["BipedalWalker-v3", "CarRacing-v3"])
def test_the_modules_that_are_known_to_keep_their_past_are_those_of_box2d(env_id):
    pytest.importorskip("Box2D")
    environment = make(spec_of(env_id))
    assert type(environment.unwrapped).__module__ in KEEPS_ITS_PAST
    assert not type(environment.unwrapped).__module__.startswith(FORGETS_ITS_PAST)
    environment.close()
