"""The learning curve, and the section that it stands in."""

import dataclasses
from io import BytesIO

import numpy as np
from learned import LEARNED
from PIL import Image

from builder.card.canvas import BAR, LINE, MARK, REJECTED
from builder.card.learning_curve import BOTTOM, baseline_section, learning_curve_png
from builder.manifest.baseline import Played, Point, Run

MORE = dataclasses.replace(
    LEARNED,
    runs=(*LEARNED.runs, Run(10, 0, 480.0, 9.0), Run(10, 1, 490.0, 9.0)),
    curve=(*LEARNED.curve, Point(10, 485.0, 480.0, 490.0)),
)


def pixels(learned):
    return np.asarray(Image.open(BytesIO(learning_curve_png(learned))))


def middle(found, colour):
    """The mean row of a colour's pixels in each half of the plot, below its key."""
    rows = np.arange(len(found))[:, None]
    halves = (found[:, :700], found[:, 700:])
    return [float((rows * (half == colour))[90:].sum() / (half == colour)[90:].sum()) for half in halves]


def test_the_same_baseline_gives_the_same_bytes():
    assert learning_curve_png(MORE) == learning_curve_png(MORE)


def test_more_is_higher_and_the_expert_is_the_line_above():
    found = pixels(MORE)
    means, expert = middle(found, BAR), middle(found, MARK)
    assert means[1] < means[0]
    assert max(expert) < means[1]
    assert abs(expert[0] - expert[1]) < 0.1


def dashes(found, colour):
    """How long the dashes of a colour's line are, in the row below the key that has most of it."""
    row = max(found[90:] == colour, key=np.sum)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return np.diff(edges)[::2]


def test_clones_are_no_grey_and_the_lines_are_told_apart_without_colours():
    found = pixels(MORE)
    assert REJECTED not in found
    without_axis = np.where(np.arange(len(found))[:, None] < BOTTOM, found, 0)
    assert np.median(dashes(found, MARK)) > 2 * np.median(dashes(without_axis, LINE))


def test_one_number_of_clones_that_all_play_alike_can_be_drawn():
    flat = Played("x", 9.0, 0.0, 9.0, 9.0)
    alike = dataclasses.replace(
        LEARNED, random=flat, expert=flat, runs=(Run(5, 0, 9.0, 0.0),), curve=(Point(5, 9.0, 9.0, 9.0),)
    )
    assert (pixels(alike) == BAR).any()
    assert "normalised" not in baseline_section(alike)


def test_without_an_expert_there_is_no_line_of_it():
    assert not (pixels(dataclasses.replace(MORE, expert=None)) == MARK).any()


def test_the_section_shows_every_clone_and_says_how():
    text = baseline_section(MORE)
    assert "| 1 | 150 [100, 200] | 27.1 | 100, 200 |\n| 10 | 485 [480, 490] | 96.9 | 480, 490 |" in text
    assert "2 clones for each number" in text
    assert (
        "10 steps of Adam with batches of 8 and a learning rate from 0.001 to nothing, 4 hidden units" in text
    )
    assert "random actions reach 20 [19, 21], the expert, unselected, 500 [500, 500]" in text
    assert text.endswith("Few.")


def test_a_strangers_words_mean_nothing_to_markdown():
    text = baseline_section(dataclasses.replace(LEARNED, notes=("x <script> [a](b)",)))
    assert "X `<script>` `[a](b)`." in text
