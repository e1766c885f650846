"""Frames become grey and small as OpenCV makes them."""

import hashlib

import gymnasium as gym
import numpy as np
import pytest
from sights import TORQUE, Recorder

from builder.environments.frames import Thumbnails, grey, resize
from builder.episodes.context import Context
from builder.experts.observations.images import Grey, Resized
from builder.experts.observations.wrapped_policy import PolicyView, WrappedActor


def picture(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def test_grey_is_opencvs():
    # sha256 of cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), OpenCV 5.0.0
    assert digest(grey(picture(210, 160, 3))) == "1a80967312de59ef"


def test_every_colour_has_the_grey_that_integers_give():
    levels = np.arange(256, dtype=np.uint8)
    for red in range(0, 256, 5):
        colours = np.stack(np.meshgrid([red], levels, levels, indexing="ij"), axis=-1)[0]
        weighed = colours.astype(np.int64) @ [9798, 19235, 3735]
        np.testing.assert_array_equal(grey(colours), (weighed + (1 << 14)) >> 15)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((96, 96, 64, 64), "c7886bf6d892e9c5"),
        ((96, 96, 48, 48), "d534d7cadd7e16fc"),
        ((96, 96, 32, 32), "bec838e9f9a7d6c5"),
        ((250, 160, 84, 84), "198b02a20bf567dd"),
        ((100, 90, 50, 30), "4d928f19e13c3302"),
        ((97, 31, 10, 7), "19b133916d9731a0"),
    ],
)
def test_area_average_is_opencvs(sizes, expected):
    # sha256 of cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), OpenCV 5.0.0
    high, wide, height, width = sizes
    assert digest(resize(picture(1, high, wide, 3), height, width)) == expected


@pytest.mark.parametrize("size", [84, 80, 160, 100, 10, 1])
def test_pictures_that_change_in_part_become_the_bytes_of_whole_ones(size):
    rng, shown = np.random.default_rng(0), picture(210, 160)
    thumbnail, changed = Thumbnails(shown.shape, size), np.ones(210, bool)
    for rows in (0, 1, 3, 0, 40, 210):
        small = thumbnail(shown, changed)
        np.testing.assert_array_equal(small, resize(shown[None, ..., None], size, size)[0, ..., 0])
        small[:] = 0  # it is the caller's own
        changed = np.zeros(210, bool)
        changed[rng.permutation(210)[:rows]] = True
        shown[changed, rng.integers(160)] ^= 255


def test_warped_atari_frame_is_opencvs():
    view = PolicyView(decisions=(Grey(keep_channel=True), Resized(84, 84)))
    space = gym.spaces.Box(0, 255, (210, 160, 3), np.uint8)
    assert view.space(space, TORQUE).shape == (84, 84, 1)
    recorder = Recorder(gym.spaces.Discrete(4))
    actor = WrappedActor(recorder, view, space, recorder.space)
    actor.begin(0, Context(0))
    actor.act([picture(1, 210, 160, 3)], [0])
    assert digest(recorder.seen[0][0][0]) == "b68698c70655a029"
