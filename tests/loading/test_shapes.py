"""Every k-th step, n-step returns and sequences against loops that anybody can read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_episodes import LENGTHS, block

from builder.errors import ConfigError
from builder.loading.blocks import Block
from builder.loading.shapes import (
    NStep,
    Sequences,
    Steps,
    read_columns,
    returns_to_go,
    wanted_columns,
)

STORED = ["observation", "reward", "terminated", "truncated"]


def played(lengths, terminated, seed=0):
    """Episodes of random rewards; each was terminated, or cut off."""
    found, rng = block(lengths), np.random.default_rng(seed)
    last = np.cumsum(lengths) - 1
    flags = {name: np.zeros(found.rows, bool) for name in ("terminated", "truncated")}
    flags["terminated"][last] = terminated
    flags["truncated"][last] = ~np.array(terminated)
    columns = {**found.columns, "reward": rng.normal(size=found.rows), **flags}
    return Block(columns, found.lengths, found.places, found.finals)


@given(LENGTHS, st.data(), st.integers(1, 5), st.floats(0, 1))
def test_n_step_returns_are_those_of_a_loop(lengths, data, n, gamma):
    terminated = data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    found = played(lengths, terminated)
    wanted = ["observation", "reward", "next_observation", "terminated", "truncated", "discount"]
    got = NStep(n, gamma).items(found, wanted).take(np.arange(found.rows))
    assert list(got) == ["observation.a", "reward", "next_observation.a", *wanted[3:]]
    row = 0
    for length, ended in zip(lengths, terminated, strict=True):
        for step in range(length):
            total, factor, taken = 0.0, 1.0, 0
            while taken < n and step + taken < length:
                total += factor * found.columns["reward"][row + taken]
                factor *= gamma
                taken += 1
            over = step + taken == length
            assert got["reward"][row] == total
            assert got["next_observation.a"][row] == found.columns["observation.a"][row] + taken
            assert got["discount"][row] == (0.0 if over and ended else factor)
            assert (got["terminated"][row], got["truncated"][row]) == (over and ended, over and not ended)
            row += 1


@given(LENGTHS, st.integers(1, 7), st.sampled_from([None, "left", "right"]))
def test_sequences_are_those_of_a_loop(lengths, length, pad):
    found = played(lengths, [True] * len(lengths))
    wanted = ["observation", "next_observation", "timestep", "return_to_go", "mask"]
    window = Sequences(length, pad).items(found, wanted)
    got = window.take(np.arange(window.rows))
    assert list(got) == ["observation.a", "next_observation.a", "timestep", "return_to_go", "mask"]
    expected = []
    for begin, steps in zip(np.cumsum(lengths) - lengths, lengths, strict=True):
        firsts = {
            None: range(steps - length + 1),
            "left": range(1 - length, steps - length + 1),
            "right": range(steps),
        }
        expected += [[(begin, steps, first + age) for age in range(length)] for first in firsts[pad]]
    assert window.rows == len(expected)
    for item, places in enumerate(expected):
        for age, (begin, steps, step) in enumerate(places):
            inside = 0 <= step < steps
            values = {name: values[item, age] for name, values in got.items()}
            observed = found.columns["observation.a"][begin + step] if inside else 0
            to_go = 0.0
            for later in range(begin + steps - 1, begin + step - 1, -1) if inside else ():
                to_go += found.columns["reward"][later]
            assert values == {
                "observation.a": observed,
                "next_observation.a": observed + 1 if inside else 0,
                "timestep": step if inside else 0,
                "return_to_go": to_go,
                "mask": inside,
            }


@given(LENGTHS, st.integers(1, 7), st.integers(0, 99))
def test_every_kth_step_is_kept_from_an_offset_and_one_of_each_episode_at_least(lengths, every, seed):
    shape, lengths = Steps(every, seed), np.array(lengths)
    offsets = shape.offsets(lengths)
    kept = shape.kept(offsets, lengths)
    begin = np.cumsum(lengths) - lengths
    expected = [
        int(start + step)
        for start, offset, length in zip(begin, offsets, lengths, strict=True)
        for step in range(offset, length, every)
    ]
    assert kept.tolist() == expected
    assert shape.counts(lengths).tolist() == [
        len(range(offset, length, every)) for offset, length in zip(offsets, lengths, strict=True)
    ]
    assert shape.counts(lengths).min() >= 1


def test_offsets_are_numpys_draw():
    """Pinned: an experiment's steps are those of another version and another machine."""
    lengths = np.array([50, 50, 3, 50])
    assert (
        Steps(20, 7).offsets(lengths).tolist()
        == np.random.default_rng([7, 1]).integers(0, [20, 20, 3, 20]).tolist()
    )
    assert Steps(20, 7).offsets(lengths).tolist() != Steps(20, 8).offsets(lengths).tolist()


@given(LENGTHS)
def test_returns_to_go_end_with_their_episode(lengths):
    rewards = np.arange(1.0, sum(lengths) + 1)
    begin = np.cumsum(lengths) - lengths
    expected = [
        rewards[s : b + n].sum() for b, n in zip(begin, lengths, strict=True) for s in range(b, b + n)
    ]
    assert returns_to_go(rewards, np.array(lengths)).tolist() == expected


def test_the_columns_of_a_batch_are_all_that_there_are_or_those_that_are_chosen():
    assert wanted_columns(Sequences(3), None, STORED, finals=True) == [
        *STORED,
        "timestep",
        "return_to_go",
        "mask",
    ]
    assert wanted_columns(Sequences(3), ["reward"], STORED, finals=True) == ["reward", "mask"]
    assert wanted_columns(NStep(3, 0.9), None, STORED, finals=True) == [
        *STORED,
        "discount",
        "next_observation",
    ]
    assert wanted_columns(Steps(), None, STORED, finals=True) == STORED
    assert wanted_columns(Steps(), ["next_observation"], STORED, finals=True) == ["next_observation"]
    assert "return_to_go" not in wanted_columns(Sequences(3), None, ["observation"], finals=False)
    with pytest.raises(ConfigError, match="no column 'return_to_go'"):
        wanted_columns(Sequences(3), ["return_to_go"], ["observation"], finals=False)
    with pytest.raises(ConfigError, match="no column 'discount'"):
        wanted_columns(Sequences(3), ["discount"], STORED, finals=True)


def test_what_a_source_does_not_say_makes_no_n_step_returns():
    with pytest.raises(ConfigError, match="need reward, terminated, next_observation, which the dataset"):
        wanted_columns(NStep(3, 0.9), None, ["observation", "action"], finals=False)


def test_observations_are_read_in_the_place_of_those_that_follow():
    assert read_columns(Steps(), ["next_observation"], [*STORED, "next_observation"]) == ["observation"]
    assert read_columns(Sequences(3), ["return_to_go", "mask"], STORED) == ["reward"]
    assert read_columns(Sequences(3), ["timestep", "mask"], STORED) == ["observation"]


@pytest.mark.parametrize("every", [0, -2, True])
def test_no_step_in_none_can_be_kept(every):
    with pytest.raises(ConfigError, match="every; expected at least 1"):
        Steps(every)
