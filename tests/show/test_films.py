import numpy as np
import pytest
from film_frames import frames_of, images

from builder.errors import ConfigError, MissingExtraError
from builder.show import films
from builder.show.films import FILMS, FilmKind, film_kind, steps_shown


@pytest.mark.parametrize("name", ["mp4", "webp", "gif"])
def test_a_film_has_every_frame_in_its_order(tmp_path, name):
    if name == "mp4":
        pytest.importorskip("av", reason="the extra `video`")
    path = tmp_path / f"film.{name}"
    FILMS[name].write(path, iter(images(7)), 10)
    found = frames_of(path)
    assert found.shape == (7, 40, 60, 3)
    assert np.abs(found[:, 5, 5].astype(int) - [[40 + 20 * number] * 3 for number in range(7)]).max() <= 4


def test_an_mp4_takes_frames_with_odd_sides(tmp_path):
    pytest.importorskip("av", reason="the extra `video`")
    FILMS["mp4"].write(tmp_path / "odd.mp4", iter(images(3, 33, 47)), 7.5)
    assert frames_of(tmp_path / "odd.mp4").shape == (3, 34, 48, 3)


def test_a_strip_has_its_frames_side_by_side(tmp_path):
    FILMS["png"].write(tmp_path / "strip.png", iter(images(3)), 10)
    (found,) = frames_of(tmp_path / "strip.png")
    assert found.shape == (40, 3 * 60 + 2 * 2, 3)
    assert [found[0, column, 0] for column in (0, 60, 62, 124)] == [40, 255, 60, 80]


@pytest.mark.parametrize("name", ["webp", "gif", "png"])
def test_the_same_frames_give_the_same_bytes(tmp_path, name):
    for turn in "ab":
        FILMS[name].write(tmp_path / f"{turn}.{name}", iter(images(4)), 10)
    assert (tmp_path / f"a.{name}").read_bytes() == (tmp_path / f"b.{name}").read_bytes()


def test_a_path_says_what_kind_of_film_it_is(tmp_path):
    assert film_kind(None, tmp_path / "x.GIF") is FILMS["gif"]
    assert film_kind("png", tmp_path / "x.gif") is FILMS["png"]


def test_an_unknown_kind_names_those_that_there_are():
    with pytest.raises(ConfigError, match="mp4 or webp or gif or png"):
        film_kind("avi")


def test_a_package_that_is_missing_is_named_with_what_needs_none(monkeypatch):
    monkeypatch.setitem(films.FILMS, "mp4", FilmKind(".mp4", images, package="no_such_package"))
    with pytest.raises(MissingExtraError, match=r"il-builder\[video\].*to=webp"):
        film_kind("mp4")


def test_of_a_long_episode_moments_are_spread_evenly_with_first_and_last():
    assert steps_shown(10, 3) == {0, 5, 10}
    assert [*steps_shown(10, 12)] == [*steps_shown(10, 11)] == [*steps_shown(10, None)] == [*range(11)]
