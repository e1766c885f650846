"""Pictures by OpenGL: a little apart is alike, more is another picture."""

import dataclasses

import numpy as np
from recordings import recording_of

from builder.episodes.recording import PIXELS
from builder.replay.pictures import DRIVERS_APART, as_drawn_here


def drawn(pictures):
    finals = np.zeros((1, *pictures.shape[1:]), np.uint8)
    return dataclasses.replace(
        recording_of([len(pictures)]), extras={PIXELS: pictures}, attempt_extras={"final_pixels": finals}
    )


def test_pictures_that_are_a_little_apart_are_taken_for_the_same():
    mine = np.full((3, 2, 2, 3), 100, np.uint8)
    theirs = mine + np.array([0, DRIVERS_APART, DRIVERS_APART + 1], np.uint8)[:, None, None, None]
    found = as_drawn_here(drawn(mine), drawn(theirs)).extras[PIXELS]
    assert (found == theirs).all(axis=(1, 2, 3)).tolist() == [True, True, False]
    assert (found[2] == mine[2]).all()


def test_darker_pictures_are_as_far_apart_as_lighter_ones():
    mine, theirs = np.full((1, 2, 2, 3), 250, np.uint8), np.full((1, 2, 2, 3), 1, np.uint8)
    assert (as_drawn_here(drawn(mine), drawn(theirs)).extras[PIXELS] == mine).all()


def test_pictures_of_another_size_are_no_pictures_of_the_same():
    mine, theirs = np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 2, 3, 3), np.uint8)
    assert as_drawn_here(drawn(mine), drawn(theirs)).extras[PIXELS].shape == mine.shape
