"""What every kind of lanes is held to: an attempt is what its seed and its actions make of it."""

import dataclasses

import functional
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from vectors import lanes_of

from builder.environments.environment import resolve
from builder.environments.functional import FunctionalLanes
from builder.environments.pool import EnvironmentPool
from builder.episodes.spaces import leaves


def corridor():
    spec = resolve("Corridor-v0", {}, max_episode_steps=None, max_steps=None)
    return EnvironmentPool(dataclasses.replace(spec, reusable=True)).lanes(8)


def functional_walk():
    return FunctionalLanes(functional.walk())


def pendulums():
    return lanes_of(AutoresetMode.DISABLED, count=4)


KINDS = [corridor, functional_walk, pendulums]


def played(lanes, seeds, width, *, order=1):
    """By seed, what an attempt gave: all observations, rewards and flags; `width` of them at a time."""
    found, waiting = {}, list(seeds)[::order]
    playing, kept = {}, {}
    limit = 12
    shapes = leaves(lanes.observation_space, "observation space")

    def begin(numbers):
        fresh = {number: waiting.pop(0) for number in numbers if waiting}
        for number in fresh:
            lanes.ready(number)
        for number, begun in lanes.begin(fresh).items():
            assert begun.error is None
            playing[number] = fresh[number]
            kept[number] = [[value.tobytes() for value in begun.observation]]

    begin(range(width))
    while playing:
        numbers = sorted(playing)
        lanes.arrange(numbers)
        chosen = [len(kept[number]) % 2 for number in numbers]
        space = lanes.action_space
        actions = np.stack([np.full(space.shape, choice, space.dtype) for choice in chosen])
        stepped = lanes.step([actions])
        columns = [np.empty((len(numbers), *leaf.shape), leaf.dtype) for leaf in shapes]
        lanes.observe(columns)
        for row, number in enumerate(numbers):
            kept[number].append([float(stepped.rewards[row]), *(column[row].tobytes() for column in columns)])
        ended = {row: flags for row, *flags in stepped.ended}
        ended |= {row: "limit" for row, number in enumerate(numbers) if len(kept[number]) > limit}
        for row, flags in ended.items():
            number = numbers[row]
            found[playing.pop(number)] = [*kept.pop(number), flags]
            lanes.end(number)
        begin([numbers[row] for row in ended])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_an_attempt_is_the_same_on_any_lane_beside_any_others(kind):
    lanes = kind()
    alone = played(lanes, range(9), 1)
    assert len({str(attempt) for attempt in alone.values()}) > 1
    for width, order in ((4, 1), (3, -1)):
        assert played(lanes, range(9), width, order=order) == alone
    lanes.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_lane_whose_attempt_is_given_up_begins_another_as_any_other(kind):
    lanes = kind()
    alone = played(lanes, range(4), 1)
    lanes.ready(0)
    lanes.begin({0: 77})
    lanes.discard(0)
    assert played(lanes, range(4), 2) == alone
    lanes.close()
