"""An episode in a REPL and a notebook."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from builder import Episode
from builder.episodes import notebook


def episode(**changes):
    kept = {
        "observations": np.zeros((4, 2), np.float32),
        "actions": np.zeros(3, np.int64),
        "rewards": np.array([1.0, 2.0, 3.5]),
        "terminations": np.array([False, False, True]),
        "truncations": np.zeros(3, bool),
        "seed": 7,
        "index": 5,
        "policy": "teacher",
        "environment": "CartPole-v1",
    }
    return Episode(**{**kept, **changes})


def test_an_episode_is_two_lines():
    assert repr(episode()).splitlines() == [
        "Episode of CartPole-v1 by teacher: seed 7, attempt 5, 3 steps, return 6.5, terminated",
        "  observations float32 [4, 2], actions int64 [3]",
    ]


def test_what_is_not_known_is_left_out_or_said():
    bare = episode(policy="", environment="", rewards=np.full(3, np.nan), terminations=np.zeros(3, bool))
    assert repr(bare).startswith("Episode: seed 7, attempt 5, 3 steps, return not known, no end recorded\n")


@pytest.mark.parametrize(
    ("terminated", "truncated", "said"),
    [(True, False, "terminated"), (False, True, "truncated"), (True, True, "terminated and truncated")],
)
def test_how_it_ended_is_said(terminated, truncated, said):
    ends = [np.array([False, False, flag]) for flag in (terminated, truncated)]
    assert repr(episode(terminations=ends[0], truncations=ends[1])).splitlines()[0].endswith(f", {said}")


def test_the_arrays_of_a_dict_are_named_one_by_one_and_many_are_counted():
    observations = {f"joint{number}": np.zeros((4, number + 1)) for number in range(15)}
    line = repr(episode(observations=observations)).splitlines()[1]
    assert line.startswith("  observations.joint0 float64 [4, 1], observations.joint1 float64 [4, 2], ")
    assert line.endswith(", 4 more")
    assert len(repr(episode(observations=observations)).splitlines()) == 2


def test_names_are_text_on_one_line():
    evil = episode(policy="a\nb\x1b[31m<script>", environment="x" * 1000)
    assert len(repr(evil).splitlines()) == 2
    assert "\x1b" not in repr(evil)
    assert "<script>" not in evil._repr_html_()
    assert "&lt;script&gt;" in evil._repr_html_()
    assert len(repr(evil)) < 600


def test_a_page_draws_the_sum_of_rewards():
    points = re.search(r'points="([^"]*)"', episode()._repr_html_()).group(1).split()
    assert points == ["2.0,94.0", "240.0,60.5", "478.0,2.0"]  # 1, 3 and 6.5 between 1 and 6.5
    assert "sum of rewards: 1 to 6.5" in episode()._repr_html_()
    assert 'stroke="currentColor"' in episode()._repr_html_()


def test_a_long_episode_draws_no_more_points_than_pixels():
    page = notebook.curve(np.arange(100_000.0), "x")
    assert len(re.search(r'points="([^"]*)"', page).group(1).split()) == notebook.WIDTH


def test_nothing_is_drawn_of_what_is_no_number_or_one_step():
    assert notebook.curve(np.array([1.0, np.nan]), "x") == notebook.curve(np.ones(1), "x") == ""


@pytest.mark.parametrize("colours", [(), (3,)])
def test_a_page_shows_the_first_middle_and_last_image_without_loss(colours):
    frames = np.random.default_rng(0).integers(0, 256, (4, 9, 12, *colours), dtype=np.uint8)
    page = episode(observations={"eye": frames, "at": np.zeros(4)})._repr_html_()
    shown = [base64.b64decode(part) for part in re.findall(r"base64,([^\"]*)", page)]
    pixels = [np.asarray(Image.open(io.BytesIO(content))) for content in shown]
    assert len(pixels) == 3
    for image, frame in zip(pixels, (0, 1, 3), strict=True):
        np.testing.assert_array_equal(image, frames[frame])


def test_stacks_and_small_arrays_of_bytes_are_no_images():
    for shape in ((4, 4, 84, 84), (4, 3, 3), (4, 9)):
        assert "<img" not in episode(observations=np.zeros(shape, np.uint8))._repr_html_()
