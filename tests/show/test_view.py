"""A dataset is served, with what its components are called."""

import json
from urllib.request import urlopen

import pytest
from gymnasium import spaces

from builder import load
from builder.episodes.spaces import describe
from builder.manifest.manifest import Manifest, Split, read_manifest
from builder.show.render import Look
from builder.show.site import Folder
from builder.show.view import drawn_from, names_of, served


def manifest(env_id, observation, action, **environment):
    inputs = {"environment": {"id": env_id, **environment}}
    split = {"train": Split(1, 1)}
    return Manifest(inputs, "", describe(observation), describe(action), 1, 1, split, {}, "")


def test_a_folder_is_served_until_the_block_ends(two_episodes):
    with served(Folder(two_episodes, read_manifest(two_episodes)), "mine") as server:
        url = server.url
        with urlopen(f"{url}config.json", timeout=10) as answer:
            assert {"local": True, "title": "mine", "films": False}.items() <= json.load(answer).items()
        with urlopen(f"{url}dataset/manifest.json", timeout=10) as answer:
            assert answer.read() == (two_episodes / "manifest.json").read_bytes()
    with pytest.raises(OSError, match="refused"):
        urlopen(url, timeout=10)


def test_a_film_is_drawn_for_who_asks_and_is_gone_at_the_end(two_episodes):
    drawn = []

    def draw(split, episode, path, report):
        drawn.append(path)
        path.write_bytes(b"film")

    dataset = Folder(two_episodes, read_manifest(two_episodes))
    with served(dataset, "mine", draw=draw) as server:
        while True:
            with urlopen(f"{server.url}films/train/0.json", timeout=10) as answer:
                if json.load(answer) == {"ready": True}:
                    break
        with urlopen(f"{server.url}films/train/0.mp4", timeout=10) as answer:
            assert answer.read() == b"film"
    assert not drawn[0].parent.exists()


def test_components_are_called_what_their_environment_calls_them():
    box = spaces.Box(-1, 1, (4,))
    found = names_of(manifest("CartPole-v1", box, spaces.Discrete(2)))["CartPole-v1"]
    assert found["observation"][2] == "pole angle"
    assert found["action"] == ["push the cart to the left", "push the cart to the right"]


def test_wrappers_and_other_sizes_have_no_names():
    box = spaces.Box(-1, 1, (4,))
    assert names_of(manifest("CartPole-v1", box, spaces.Discrete(2), wrappers=["X"])) == {}
    assert names_of(manifest("CartPole-v1", spaces.Box(-1, 1, (5,)), spaces.Discrete(2, start=1))) == {}


def test_the_film_of_an_episode_is_that_of_render(two_episodes, tmp_path):
    pytest.importorskip("av")
    told = []
    draw = drawn_from(lambda: two_episodes, Look(plain=True, size=64))
    draw("train", 1, tmp_path / "film.mp4", lambda *frames: told.append(frames))
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"
    assert told[-1][0] == told[-1][1]
    assert told[-1][1] == len(load(two_episodes)[1].actions) + 1
