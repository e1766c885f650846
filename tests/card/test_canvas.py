"""What is drawn on: the same bytes everywhere, transparent, and text that fits."""

from io import BytesIO

import pytest
from PIL import Image

from builder.card.canvas import BAR, INK, MARK, REJECTED, WIDTH, Canvas, in_lines, shortened, spelt, width_of


def opened(canvas):
    return Image.open(BytesIO(canvas.png()))


def test_nothing_is_drawn_where_nothing_is_said():
    picture = opened(Canvas(30)).convert("RGBA")
    assert picture.size == (WIDTH, 30)
    assert picture.getextrema()[3] == (0, 0)


def test_a_filled_box_ends_before_its_right_and_bottom_edge():
    canvas = Canvas(30)
    canvas.fill((2, 3, 5, 7), BAR)
    assert opened(canvas).convert("RGBA").getbbox() == (2, 3, 5, 7)


def test_a_box_of_no_width_is_still_seen():
    canvas = Canvas(30)
    canvas.fill((4.2, 9, 4.3, 9), BAR)
    assert opened(canvas).convert("RGBA").getbbox() == (4, 9, 5, 10)


def contrast(colour, background):
    """As WCAG 2.1 defines it, of a colour with an alpha on a background."""

    def luminance(rgb):
        parts = [c / 255 for c in rgb]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(factor * part for factor, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    alpha = colour[3] / 255
    mixed = [alpha * c + (1 - alpha) * b for c, b in zip(colour[:3], background, strict=True)]
    light, dark = sorted([luminance(mixed), luminance(background)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("background", [(255, 255, 255), (11, 15, 25)], ids=["light", "dark"])
@pytest.mark.parametrize(("colour", "least"), [(INK, 4), (BAR, 3), (MARK, 3), (REJECTED, 1.5)])
def test_every_colour_can_be_seen_on_the_hubs_light_and_dark_pages(background, colour, least):
    canvas = Canvas(4)
    canvas.fill((0, 0, 2, 2), colour)
    assert contrast(opened(canvas).convert("RGBA").getpixel((0, 0)), background) >= least


def test_the_picture_has_no_metadata_and_does_not_change():
    def drawn():
        canvas = Canvas(40)
        canvas.text((3, 20), "return")
        return canvas.png()

    assert drawn() == drawn()
    assert b"tIME" not in drawn()
    assert Image.open(BytesIO(drawn())).text == {}


def test_text_that_has_no_room_ends_in_an_ellipsis():
    assert shortened("cart", 500) == "cart"
    short = shortened("angular velocity of the thigh hinge", 150)
    assert short.startswith("angular")
    assert short.endswith("…")
    assert width_of(short) <= 150
    assert shortened("wide", 1) == "…"


def test_a_name_is_broken_between_words_and_the_rest_left_out():
    assert in_lines("", 300) == []
    assert in_lines("pole angle", 300) == ["pole angle"]
    lines = in_lines("torque applied on the rotor between the torso and the right hip", 240)
    assert lines[0] == "torque applied on the"
    assert len(lines) == 2
    assert lines[1].endswith("…")


def test_letters_that_the_font_lacks_are_written_in_those_that_it_has():
    assert spelt("é × m² … ü") == "e x m2 … u"
    assert spelt("角度\n") == "???"
    assert width_of("角") == width_of("?")
