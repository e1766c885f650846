"""Images that Minari keeps as JPEG unless it is told otherwise."""

from __future__ import annotations

import io

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Leaf
from builder.errors import DatasetError

LEAST_SIDE = 32
"""`is_image_space` of minari/dataset/minari_storage.py: what is smaller is kept as numbers."""


def is_jpeg(leaf: Leaf) -> bool:
    """Whether Minari takes the values of a leaf for images."""
    return (
        isinstance(leaf.space, gym.spaces.Box)
        and leaf.dtype == np.uint8
        and len(leaf.shape) in {2, 3}
        and min(leaf.shape[:2]) >= LEAST_SIDE
        and bool((leaf.space.low == 0).all() and (leaf.space.high == 255).all())
    )


def decoded(content: bytes, leaf: Leaf, where: str) -> Array:
    """The image in a JPEG file.

    Args:
        content: of the file.
        leaf: whose shape it has.
        where: for errors.

    Raises:
        DatasetError: it is no JPEG, or of another size.
    """
    from PIL import Image

    height, width = leaf.shape[:2]
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            fits = image.size == (width, height)  # asked before anything of the size that it states is made
            values = np.asarray(image) if fits else np.zeros(0)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{where} is no JPEG of its space: {str(error)[:200]}") from error
    if values.shape != leaf.shape:
        raise DatasetError(f"{where} is an image of another shape", expected=leaf.shape, got=values.shape)
    return values
