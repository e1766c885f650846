"""The picture: the same bytes, bins that hold every episode, marks only where they can be seen."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from card_folders import inputs_of
from PIL import Image

from builder.card import write_card
from builder.card.contents import read_contents
from builder.card.plot import Panel, bin_edges, histogram_png, render
from builder.card.render import draw_returns


@pytest.mark.parametrize(
    "values",
    [
        np.full(1000, 500.0),
        np.full(3, 0.125),
        np.array([0.0]),
        np.arange(9.0, 78.0),
        np.array([499.0, 500.0]),
        np.linspace(-366, -0.5, 100),
        np.array([1.0, 1e6]),
        np.array([1e-9, 2e-9]),
    ],
    ids=lambda values: f"{values[0]:g} to {values[-1]:g}",
)
def test_bins_hold_every_value_once_and_are_equally_wide(values):
    edges = bin_edges(values)
    assert np.histogram(values, edges)[0].sum() == len(values)
    assert len(edges) - 1 <= 40
    np.testing.assert_allclose(np.diff(edges), edges[1] - edges[0])


def test_bins_of_whole_numbers_are_centred_on_them():
    assert bin_edges(np.array([498.0, 499.0, 500.0])).tolist() == [497.5, 498.5, 499.5, 500.5]


def test_picture_has_no_metadata_and_does_not_depend_on_settings(dataset):
    import matplotlib as mpl

    folder = dataset([[1.0] * 3, [1.0]], inputs=inputs_of("episodes=2", "threshold=0"))
    write_card(folder)
    png = (folder / "assets/returns.png").read_bytes()
    render.cache_clear()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "figure.dpi": 40}):
        assert draw_returns(read_contents(folder)) == png
    assert Image.open(folder / "assets/returns.png").text == {}
    assert b"tIME" not in png


@pytest.mark.slow
def test_matplotlib_says_nothing_of_its_caches(tmp_path):
    code = (
        "import logging, numpy; logging.basicConfig()\n"
        "from builder.card.plot import Panel, histogram_png\n"
        "histogram_png([Panel(numpy.ones(2), 'Return', 'return')])"
    )
    (tmp_path / "file").touch()  # in place of the cache's folder
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path / "file")}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_lengths_are_drawn_only_where_they_vary(dataset):
    def width(rewards, name):
        png = draw_returns(read_contents(dataset(rewards, name=name)))
        return struct.unpack(">I", png[16:20])[0]

    assert width([[1.0], [2.0]], "constant") == 600
    assert width([[1.0], [1.0, 1.0]], "varying") > 1000


def test_a_mark_far_off_leaves_room_for_the_bars():
    values = np.linspace(0, 1, 50)
    plain = histogram_png([Panel(values, "Return", "return")])
    assert histogram_png([Panel(values, "Return", "return", ((-1e9, "threshold"),))]) == plain
    assert histogram_png([Panel(values, "Return", "return", ((-0.5, "threshold"),))]) != plain
