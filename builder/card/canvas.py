"""What the card's pictures are drawn on: bars and text on nothing, in colours that read on white and black.

The PNG has no metadata, and its bytes follow from what was drawn and the version of Pillow. It is drawn twice
as large as a card shows it, for screens that have the pixels.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

WIDTH = 1400
"""Pixels of every picture; a card shows half as many."""
TITLE, LABEL = 29, 24
"""Sizes of text."""
INK, LINE, HAIR = 10, 6, 2
"""Levels of ink: of text, whose edges shade off to nothing, of axes, and of lines behind bars."""
BAR, REJECTED, MARK = 11, 12, 13
"""Solid colours."""
_GREY = (116, 122, 131)  # 4 to 1 and better against white and against the Hub's and GitHub's darkest grey
_COLOURS = {BAR: (66, 124, 181, 255), REJECTED: (*_GREY, 140), MARK: (201, 82, 76, 255)}


class Canvas:
    """A picture of the usual width, transparent where nothing is drawn; places are pixels from its top left.

    Args:
        height: in pixels.
    """

    def __init__(self, height: int) -> None:
        from PIL import Image, ImageDraw

        self._image = Image.new("L", (WIDTH, height), 0)
        self._draw = ImageDraw.Draw(self._image)

    def fill(self, box: tuple[float, float, float, float], colour: int) -> None:
        """Fill from left and top up to right and bottom, at least a pixel in each direction."""
        left, top, right, bottom = (round(edge) for edge in box)
        self._draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=colour)

    def frame(self, box: tuple[float, float, float, float], colour: int) -> None:
        """Draw the edges of a box from left and top up to right and bottom, three pixels wide."""
        left, top, right, bottom = (round(edge) for edge in box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=3)

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: int) -> None:
        """Draw a line three pixels wide."""
        self._draw.line(
            (round(start[0]), round(start[1]), round(end[0]), round(end[1])), fill=colour, width=3
        )

    def text(self, place: tuple[float, float], text: str, *, size: int = LABEL, ink: int = INK) -> None:
        """Write a line from its left end; of its height the place is the middle."""
        self._draw.text(place, spelt(text), font=_font(size), fill=ink, anchor="lm")

    def png(self) -> bytes:
        """The picture."""
        alphas = [round(255 * level / INK) for level in range(INK + 1)]
        palette = [(*_GREY, alpha) for alpha in alphas] + [_COLOURS[BAR], _COLOURS[REJECTED], _COLOURS[MARK]]
        self._image.putpalette([channel for colour in palette for channel in colour[:3]])
        buffer = BytesIO()
        shades = bytes(colour[3] for colour in palette)
        self._image.save(buffer, "png", bits=4, transparency=shades)
        return buffer.getvalue()


def width_of(text: str, size: int = LABEL) -> float:
    """How wide a line of text is, in pixels."""
    return float(_font(size).getlength(spelt(text)))


def shortened(text: str, width: float, size: int = LABEL) -> str:
    """A text that fits into a width; what has no room is left out, and an ellipsis says so."""
    if width_of(text, size) <= width:
        return text
    fits = next((end for end in range(len(text), 0, -1) if width_of(f"{text[:end]}…", size) <= width), 0)
    return f"{text[:fits].rstrip()}…"


def in_lines(text: str, width: float, *, most: int = 2) -> list[str]:
    """A text in as many lines as it takes, broken between words; the last that may be is shortened."""
    words = text.split()
    lines = words[:1]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if len(lines) < most and width_of(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [shortened(line, width) for line in lines]


def spelt(text: str) -> str:
    """A text in the letters that the font has; a question mark stands for any other."""
    plain = unicodedata.normalize("NFKD", text.replace("…", "\0").replace("×", "x"))
    letters = (letter for letter in plain if not unicodedata.combining(letter))
    return "".join("…" if c == "\0" else c if " " <= c <= "~" else "?" for c in letters)


@cache
def _font(size: int) -> FreeTypeFont:
    """Pillow's own font, which is laid out alike everywhere."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was made without FreeType")
    return font
