"""Seeds are a pure function of (root seed, attempt)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from builder.episodes.seeding import ACTION_SPACE, SAMPLING, attempt_seed, stream_generator, stream_seed

roots = st.integers(0, 2**64)
attempts = st.integers(0, 2**32 - 1)


def test_the_seeds_of_a_root_never_change():
    """A changed seed would change every published dataset."""
    assert [attempt_seed(0, index) for index in range(4)] == [3757552657, 673228719, 3241444873, 3685993406]
    assert attempt_seed(1, 0) == 1641411168


def test_the_seeds_of_the_streams_never_change():
    assert stream_seed(0, 0, ACTION_SPACE) == 4088532484
    assert stream_generator(0, 0, SAMPLING).integers(2**32) == 2562720165


@given(roots, attempts)
def test_an_attempts_seed_is_the_one_of_the_promise(root, index):
    sequence = np.random.SeedSequence(root, spawn_key=(index,))
    seed = attempt_seed(root, index)
    assert type(seed) is int
    assert seed == sequence.generate_state(1)[0]
    assert 0 <= seed < 2**32


def test_the_seeds_of_many_attempts_and_their_streams_are_as_rarely_equal_as_chance_has_it():
    """Of 6,000 draws from 2**32, one pair in 240 such tests is equal; here none is."""
    streams = (ACTION_SPACE, SAMPLING)
    seeds = {attempt_seed(0, index) for index in range(2000)}
    seeds |= {stream_seed(0, index, stream) for index in range(2000) for stream in streams}
    assert len(seeds) == 6000


def test_seeds_do_not_draw_from_the_global_generator():
    np.random.seed(0)  # noqa: NPY002  (the global state is what is looked at)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    attempt_seed(0, 0)
    stream_generator(0, 0, SAMPLING).random()
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@given(roots, attempts)
def test_a_streams_generator_starts_anew_each_time(root, index):
    first, second = (stream_generator(root, index, SAMPLING) for _ in range(2))
    assert first.random(3).tolist() == second.random(3).tolist()
