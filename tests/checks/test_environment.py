"""What a behaviour means for a build: the fastest use of instances that repeats itself."""

import dataclasses

import gymnasium as gym
import pytest
import unruly

from builder.checks.environment import actions_of, behaviour_findings, scripts
from builder.environments.behaviour import (
    KEEPS_ITS_PAST,
    NOTHING_PLAYED,
    Behaviour,
    known,
    random_actions,
    settled,
)
from builder.environments.environment import make, resolve
from builder.experts.actor import RandomPlayer
from builder.experts.sources.python import PythonPlayer


def spec_of(name):
    return resolve(f"unruly/{name}-v0", {}, max_episode_steps=None, max_steps=None)


def episodes(name, player=None):
    spec = spec_of(name)
    environment = make(spec)
    spaces = environment.observation_space, environment.action_space
    environment.close()
    actor = (player or RandomPlayer()).actor(*spaces)
    return scripts(spec, actions_of(actor, *spaces), spaces[1], root_seed=0)


@pytest.mark.parametrize(
    ("name", "reusable", "single", "codes"),
    [
        ("Calm", True, False, []),
        ("Unseeded", False, True, ["ignores-seed"]),
        ("Drifts", False, False, ["remembers-past"]),
        ("Windy", True, True, ["global-random"]),
        ("Shared", True, True, ["shared-simulator"]),
        ("Clears", True, True, ["shared-simulator"]),
        ("ClosesAll", True, True, ["shared-simulator"]),
        ("OfItsModule", True, True, ["shared-simulator"]),
        ("OnlyOne", True, True, ["single-instance"]),
        ("OnlyOneDrifts", False, True, ["remembers-past", "single-instance"]),
    ],
)
def test_the_fastest_use_that_repeats_itself_is_taken_and_named(name, reusable, single, codes):
    spec, found = settled(spec_of(name), episodes(name))
    assert (spec.reusable, spec.single) == (reusable, single)
    assert [item.code for item in behaviour_findings(spec.id, found)] == codes


def test_an_expert_reaches_what_random_actions_do_not():
    assert settled(spec_of("Harder"), episodes("Harder"))[0].reusable
    assert not settled(spec_of("Harder"), episodes("Harder", PythonPlayer(unruly.GoesDown)))[0].reusable


def test_where_one_is_known_to_be_the_limit_no_second_is_ever_made():
    spec, found = settled(spec_of("OnlyOne"), episodes("OnlyOne"), single=True)
    assert (spec.reusable, spec.single, found) == (True, True, Behaviour())
    assert unruly.OnlyOne.together == 0


def test_the_experts_own_first_attempts_come_last():
    spec = spec_of("Calm")
    first = episodes("Calm")
    environment = make(spec)
    own = scripts(spec, random_actions(environment.action_space), environment.action_space, root_seed=0)
    assert [script.trace for script in first] == [script.trace for script in own]
    assert [script.seed for script in first[-2:]] == [script.seed for script in first[:2]]


@pytest.mark.parametrize("module", KEEPS_ITS_PAST)
def test_an_environment_of_a_module_that_remembers_is_known_even_if_no_play_shows_why(module):
    kind = type("Quiet", (unruly.Calm,), {"__module__": module})
    gym.register("unruly/Quiet-v0", kind, max_episode_steps=50)
    try:
        assert known(spec_of("Quiet")).remembers
        assert known(spec_of("Calm")) is None
    finally:
        gym.registry.pop("unruly/Quiet-v0")


def test_of_an_environment_that_cannot_be_played_only_the_play_says_why():
    assert not [*behaviour_findings("Dead-v0", Behaviour(remembers=NOTHING_PLAYED))]


def test_a_finding_is_one_line_with_its_code_and_remedy():
    (item,) = behaviour_findings("Port-v0", Behaviour(only_one="port 5005 is in use"))
    assert str(item) == (
        "note: single-instance: a second instance of Port-v0 cannot be made: port 5005 is in use;"
        " a build plays one lane in each process (env.instances=single)"
    )
    assert dataclasses.is_dataclass(item)
