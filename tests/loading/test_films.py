import pytest
from film_frames import frames_of

from builder import load
from builder.errors import ConfigError


def test_an_index_of_a_view_is_the_episode_that_it_has_there(short_cartpole, tmp_path):
    dataset = load(short_cartpole)
    kept = dataset[1:]
    one = kept.render(0, tmp_path / "view.png", plain=True, size=64)
    same = dataset.render(1, tmp_path / "whole.png", plain=True, size=64)
    other = dataset.render(0, tmp_path / "other.png", plain=True, size=64)
    assert (frames_of(one) == frames_of(same)).all()
    assert (frames_of(one) != frames_of(other)).any()
    assert one == tmp_path / "view.png"


def test_a_word_means_one_of_the_view(short_cartpole, tmp_path):
    dataset = load(short_cartpole)
    found = dataset[2:].render("best", tmp_path / "a.png", plain=True, size=64)
    last = dataset.render(-1, tmp_path / "b.png", plain=True, size=64)
    assert (frames_of(found) == frames_of(last)).all()


def test_an_episode_or_an_argument_that_there_is_not_is_an_error(short_cartpole, tmp_path):
    dataset = load(short_cartpole)
    with pytest.raises(IndexError, match="there is no episode 7"):
        dataset.render(7, tmp_path / "a.png")
    with pytest.raises(ConfigError, match="size, fps, plain, frames"):
        dataset.render(0, tmp_path / "a.png", sise=64)
