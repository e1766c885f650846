"""Which actions an environment allows, wherever it says so."""

import gymnasium as gym
import masked
import numpy as np
import pytest
import torch
from sweeps import case

from builder.environments.environment import make, resolve
from builder.environments.masks import (
    GIVEN,
    INFO,
    METHOD,
    OBSERVATION,
    Masked,
    allowed,
    choices,
    mask_of,
    maskable,
    masks_in,
    random_choice,
)
from builder.errors import EnvironmentError_, NoActionError, SpaceError

MASK = [True, False, True]


FORMS = [
    MASK,
    np.array(MASK),
    np.array([1, 0, 1], np.int8),
    np.array([1.0, 0.0, 1.0]),
    np.array([MASK]),
    torch.tensor(MASK),
    ([1, 0], [1]),
    (np.array([1, 0], np.int8), np.array([1], np.int8)),
]


def test_a_mask_is_taken_in_every_form_that_says_one_thing():
    for value in FORMS:
        with case(value):
            found = mask_of(value, 3)
            assert found.dtype == bool
            assert found.tolist() == MASK


NO_MASKS = [
    (None, "got none"),
    ([True, False], "got 2 of bool"),
    ([1, 0, 2], "got 3 of int64"),
    ([0.0, -np.inf, 0.0], "got 3 of float64"),
    ([1.0, np.nan, 0.0], "got 3 of float64"),
    (["yes", "no", "no"], "got 3 of <U3"),
    (True, "got 1 of bool"),
]


def test_what_is_no_mask_is_refused():
    for value, got in NO_MASKS:
        with case(value, got):
            with pytest.raises(
                EnvironmentError_, match="something else than a mask over its actions"
            ) as error:
                mask_of(value, 3)
            assert got in str(error.value)


def test_a_mask_that_allows_nothing_is_an_error_of_its_own():
    with pytest.raises(NoActionError, match="allows no action at all"):
        mask_of([False] * 3, 3)


PLACES = [
    (masked.Method(), METHOD),
    (gym.wrappers.TimeLimit(masked.Method(), 5), METHOD),
    (masked.Opened(masked.Doors()), METHOD),
    (masked.Doors(seen="mask"), OBSERVATION),
    (masked.Info(), INFO),
    (gym.wrappers.TimeLimit(masked.Info(), 5), INFO),
    (masked.Doors(), GIVEN),
    (gym.make("Taxi-v4"), INFO),
    (gym.make("FrozenLake-v1"), GIVEN),
]


def test_it_is_found_out_where_an_environment_says_it():
    for environment, where in PLACES:
        with case(environment, where):
            assert masks_in(environment) == where


def test_a_name_that_is_no_method_is_refused():
    with pytest.raises(EnvironmentError_, match=r"no method; expected action_masks\(self\).*got ndarray"):
        masks_in(masked.Attribute())


def test_a_mask_is_asked_for_once_in_a_state_and_is_the_callers_own():
    environment = Masked(masked.Drawn(), METHOD)
    environment.reset(seed=0)
    first = environment.action_masks().tolist()
    again = environment.action_masks()
    assert first == again.tolist()
    again[:] = False
    assert environment.action_masks().tolist() == first
    environment.step(int(np.argmax(first)))
    other = Masked(masked.Drawn(), METHOD)
    other.reset(seed=0)
    other.action_masks()
    other.step(int(np.argmax(first)))
    assert environment.action_masks().tolist() == other.action_masks().tolist()


def test_a_mask_stays_what_it_was_where_its_array_is_filled_anew():
    source = masked.Info()
    environment = Masked(source, INFO)
    environment.reset(seed=0)
    before = source.mask.copy()
    source.told_in[:] = 1
    assert environment.action_masks().tolist() == before.tolist()


def test_only_what_was_made_to_be_asked_is_asked():
    spec = resolve(masked.env_id(masked.Method), {}, max_episode_steps=None, max_steps=None)
    plain = make(spec)
    assert allowed(plain) == ()
    plain.close()


@pytest.mark.parametrize("actions", ["one", "several", "bits"])
def test_random_choices_are_allowed_ones_and_all_of_them(actions):
    environment = masked.Doors(actions)
    environment.reset(seed=3)
    space = environment.action_space
    space.seed(0)
    drawn = [random_choice(space, environment.mask) for _ in range(200)]
    assert all(space.contains(action) and environment.allows(action) for action in drawn)
    parts = np.split(environment.mask, np.cumsum(environment.counts)[:-1])
    assert len({np.asarray(action).tobytes() for action in drawn}) == np.prod([part.sum() for part in parts])


def test_where_a_component_allows_nothing_random_choices_are_any_of_its_own():
    space = gym.spaces.MultiDiscrete([3, 2])
    space.seed(0)
    drawn = np.stack([random_choice(space, np.array([False, False, False, True, False])) for _ in range(50)])
    assert set(drawn[:, 0]) == {0, 1, 2}
    assert set(drawn[:, 1]) == {0}


def test_masks_are_over_choices_alone():
    assert choices(gym.spaces.MultiBinary(3)) == 6
    assert maskable(gym.spaces.Discrete(2))
    assert not maskable(gym.spaces.Box(0, 1))
    with pytest.raises(SpaceError, match="cannot be masked"):
        choices(gym.spaces.Box(0, 1))
