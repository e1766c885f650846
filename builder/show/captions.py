"""A line of text on a frame."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from builder.episodes.spaces import Array

if TYPE_CHECKING:
    from PIL import ImageFont

INK, SHADE = (255, 255, 255), (0, 0, 0, 150)


def captioned(image: Array, text: str) -> Array:
    """A frame with a line in its upper left corner, on a dark strip so that it can be read on any ground.

    Args:
        image: uint8 [height, width, 3].
        text: one line; what does not fit is cut off.
    """
    from PIL import Image, ImageDraw

    picture = Image.fromarray(np.ascontiguousarray(image)).convert("RGBA")
    size = max(9, min(18, image.shape[1] // 26))
    strip = Image.new("RGBA", (picture.width, size + size // 2), SHADE)
    ImageDraw.Draw(strip).text((size // 2, size // 8), text, INK, font=_font(size))
    picture.alpha_composite(strip)
    return np.asarray(picture.convert("RGB"))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow brings along."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def told(step: int, total: float) -> str:
    """What stands on a frame: `step 12   return 34.5`."""
    return f"step {step:,}   return {total:,.10g}"
