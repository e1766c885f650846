"""Images in JPEG, of whoever's."""

import io

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from builder.episodes.spaces import leaves
from builder.errors import DatasetError
from builder.exchange.minari.jpeg import decoded, is_jpeg

(LEAF,) = leaves(gym.spaces.Box(0, 255, (36, 40, 3), np.uint8))


def packed(height, width, kind="JPEG", mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, (width, height), 7).save(file, format=kind)
    return file.getvalue()


def test_an_image_of_the_space_is_decoded():
    assert decoded(packed(36, 40), LEAF, "x").shape == (36, 40, 3)


@pytest.mark.parametrize(
    "content",
    [packed(40, 36), packed(36, 40, mode="L"), packed(36, 40, kind="PNG"), packed(36, 40)[:40], b""],
    ids=["turned", "grey", "png", "cut", "empty"],
)
def test_another_one_is_refused(content):
    with pytest.raises(DatasetError, match=r"x is (no JPEG|an image)"):
        decoded(content, LEAF, "x")


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (gym.spaces.Box(0, 255, (32, 32), np.uint8), True),
        (gym.spaces.Box(0, 255, (31, 32), np.uint8), False),
        (gym.spaces.Box(0, 254, (32, 32), np.uint8), False),
        (gym.spaces.Box(0, 255, (32, 32), np.int16), False),
    ],
    ids=["image", "small", "bounds", "dtype"],
)
def test_minaris_images_are_told_from_its_arrays(space, expected):
    assert is_jpeg(leaves(space)[0]) is expected
