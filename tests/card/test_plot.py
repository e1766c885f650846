"""The two pictures: the same bytes for the same values, and nothing that no reader could see."""

from io import BytesIO

import numpy as np
from PIL import Image

from builder.card.canvas import BAR, MARK, REJECTED, WIDTH
from builder.card.plot import Choices, Component, Panel, components_png, episodes_png

VALUES = np.linspace(0, 1, 50)
FAR = ((-1e9, "threshold"),)


def pixels(png):
    """The numbers of the colours [height, width]."""
    return np.asarray(Image.open(BytesIO(png)))


def test_the_same_values_give_the_same_bytes():
    panel = Panel(VALUES, "Return of 50 episodes", "return")
    assert episodes_png([panel]) == episodes_png([panel])
    assert components_png([], [Component(VALUES, "action[0]", "")]) == components_png(
        [], [Component(VALUES, "action[0]", "")]
    )


def test_a_mark_far_off_leaves_room_for_the_bars():
    plain, far = (pixels(episodes_png([Panel(VALUES, "Return", "return", marks)])) for marks in ((), FAR))
    assert not (far == MARK).any()
    assert ((far == BAR).any(axis=0) == (plain == BAR).any(axis=0)).all()
    assert (pixels(episodes_png([Panel(VALUES, "Return", "return", ((-0.5, "threshold"),))])) == MARK).any()


def test_rejected_attempts_are_drawn_on_top_of_the_accepted_ones_in_another_colour():
    rejected = np.array([-0.5, -0.4])
    found = pixels(episodes_png([Panel(VALUES, "Return", "return", (), rejected)]))[100:350]
    columns = [np.flatnonzero((found == colour).any(axis=0)) for colour in (REJECTED, BAR)]
    assert columns[0].max() < columns[1].min()
    assert not (pixels(episodes_png([Panel(VALUES, "Return", "return")])) == REJECTED).any()


def test_a_rejected_attempt_that_stands_for_more_is_drawn_higher():
    def height(weight):
        found = pixels(episodes_png([Panel(VALUES, "Return", "return", (), np.array([-0.5]), weight)]))[
            100:350
        ]
        return (found == REJECTED).any(axis=1).sum() / (found == BAR).any(axis=1).sum()

    assert height(30.0) > 10 * height(1.0)


def test_panels_stand_side_by_side():
    one, two = (pixels(episodes_png([Panel(VALUES, "Return", "return")] * count)) for count in (1, 2))
    assert one.shape == two.shape
    assert (two[:, WIDTH // 2 - 10 : WIDTH // 2 + 10] == 0).all()
    assert (one[:, WIDTH // 2 - 10 : WIDTH // 2 + 10] != 0).any()


def test_four_components_are_drawn_in_a_row():
    heights = [
        pixels(components_png([], [Component(VALUES, "x", "")] * count)).shape[0] for count in (1, 4, 5, 24)
    ]
    assert heights[0] == heights[1]
    assert heights[2] == 2 * heights[0]
    assert heights[3] == 6 * heights[0]


def test_names_take_room_only_where_there_are_some():
    bare, named, long = (
        pixels(components_png([], [Component(VALUES, "x", name)])).shape[0]
        for name in ("", "angle", "angular velocity of the angle between the torso and the left hip")
    )
    assert bare < named < long


def test_what_is_rare_can_be_seen_beside_what_is_common():
    values = np.concatenate([np.zeros(100_000), np.ones(100)])
    found = pixels(components_png([], [Component(values, "x", "")]))
    heights = (found == BAR).sum(axis=0)
    assert 0.02 < heights[heights > 0].min() / heights.max() < 0.05  # the square root of a thousandth


def test_a_choice_never_taken_has_no_bar():
    found = pixels(
        components_png([Choices([30, 0, 1], ["left", "stay", "right"], "Share of each action")], [])
    )
    rows = (found == BAR).any(axis=1)
    assert np.count_nonzero(np.diff(rows.astype(int)) == 1) == 2


def test_where_no_colour_has_to_be_explained_bars_take_the_room():
    def highest(panel):
        return int(np.flatnonzero((pixels(episodes_png([panel])) == BAR)[75:].any(axis=1))[0])

    plain = Panel(VALUES, "Return", "return")
    marked = Panel(VALUES, "Return", "return", ((0.5, "threshold"),))
    assert highest(marked) - highest(plain) > 20
