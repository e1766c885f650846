"""Draws from generators of the whole process are noticed, and undone."""

import random

import numpy as np
import torch

from builder.episodes.global_generators import moved, restored, seed, states, stir


def test_only_the_generators_that_were_drawn_from_have_moved():
    with restored():
        before = states()
        assert moved(before) == ()
        random.random()
        assert moved(before) == ("random",)
        np.random.normal(size=3)  # noqa: NPY002
        assert moved(before) == ("numpy.random", "random")
    assert moved(before) == ()


def test_a_kept_normal_draw_is_part_of_the_state():
    """numpy's legacy generator draws normals in pairs and keeps the second."""
    with restored():
        np.random.normal()  # noqa: NPY002
        before = states()
        np.random.normal()  # noqa: NPY002
        assert moved(before) == ("numpy.random",)


def test_torch_draws_what_it_draws_once_it_is_seeded_itself():
    with restored():
        seed(np.random.SeedSequence(5))
        drawn = torch.rand(3)
        torch.manual_seed(int(np.random.SeedSequence(5).generate_state(1, np.uint64)[0] >> np.uint64(1)))
        assert torch.equal(drawn, torch.rand(3))


def test_seeding_them_as_they_were_seeded_before_counts_as_well():
    with restored():
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
        stir()
        before = states()
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
        assert moved(before) == ("numpy.random", "random")
