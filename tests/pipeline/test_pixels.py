"""Pictures of every step: from a build to its proof, the same whatever plays it."""

import filecmp
import json
import shutil

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Image, load_dataset
from gymnasium.envs.registration import register
from sweeps import sweep
from verification import EPISODES, STEPS, check, failure, rewrite

from builder import Controller, build, load
from builder.dataset.images import STORAGE, decode, png
from builder.environments.pixels import resized
from builder.errors import ConfigError, EnvironmentError_
from builder.manifest.manifest import read_manifest

SIZE = {"height": 12, "width": 18}
CONFIG = {
    "expert": "random",
    "env": {"id": "CartPole-v1", "max_episode_steps": 12},
    "episodes": 5,
    "dataset.pixels": SIZE,
    "parallel": "threading",
    "parallel.n_jobs": 1,
    "threshold": 8,
}


class Blind(gym.Env):
    """Nobody can see it."""

    observation_space = gym.spaces.Discrete(3)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}


class Lamp(Blind):
    """Shows how many steps there were, as brightness."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return super().reset(seed=seed)

    def step(self, action):
        self.steps += 1
        return 0, 0.0, False, False, {}

    def render(self):
        return np.full((24, 36, 3), self.steps, np.uint8)


register("Drawn/Blind-v0", Blind, max_episode_steps=5)
register("Drawn/Lantern-v0", Lamp, max_episode_steps=5)


def built(out, **more):
    return build(**{**CONFIG, "out": str(out), **more})


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("seen") / "x"
    built(out)
    return out


@pytest.fixture
def seen(drawn, tmp_path):
    return shutil.copytree(drawn, tmp_path / "x")


def same_bytes(one, other):
    return all(filecmp.cmp(one / path, other / path, shallow=False) for path in (STEPS, EPISODES))


def test_a_picture_is_what_the_environment_showed_when_the_action_was_chosen(drawn):
    dataset = load(drawn)
    arrays, episodes = dataset.arrays(), pq.read_table(drawn / EPISODES)
    environment = gym.make("CartPole-v1", render_mode="rgb_array")
    for episode in range(len(dataset)):
        rows = np.flatnonzero(arrays["episode_index"] == episode)
        environment.reset(seed=episodes["seed"][episode].as_py())
        for row in rows:
            assert (arrays["pixels"][row] == resized(environment.render(), 12, 18)).all()
            environment.step(arrays["action"][row])
        final = png(resized(environment.render(), 12, 18))
        assert episodes["final_pixels"][episode]["bytes"].as_py() == final
    environment.close()


def test_all_else_is_as_it_is_without_pictures(drawn, tmp_path):
    plain = built(tmp_path / "plain", **{"dataset.pixels": None}).arrays()
    arrays = load(drawn).arrays()
    assert arrays.keys() - plain.keys() == {"pixels"}
    assert all((arrays[name] == values).all() for name, values in plain.items())


def test_batches_give_pictures_and_stacks_of_them(drawn):
    dataset = load(drawn)
    (batch,) = dataset.batches(1000, columns=["pixels"])
    assert (batch["pixels"].numpy() == dataset.arrays()["pixels"]).all()
    (stacks,) = dataset.stacked(2).batches(1000, columns=["pixels"])
    assert tuple(stacks["pixels"].shape[1:]) == (2, 12, 18, 3)
    assert (stacks["pixels"][:, 1].numpy() == dataset.arrays()["pixels"]).all()


@sweep("more", [{"rollout.lanes": 1}, {"rollout.lanes": 7}, {"parallel.n_jobs": 2}])
def test_the_bytes_are_the_same_whatever_plays_it(drawn, tmp_path, more):
    built(tmp_path / "y", **more)
    assert same_bytes(drawn, tmp_path / "y")


@pytest.mark.slow
def test_the_bytes_are_the_same_from_processes(drawn, tmp_path):
    built(tmp_path / "y", **{"parallel": "loky", "parallel.n_jobs": 2})
    assert same_bytes(drawn, tmp_path / "y")


@pytest.mark.slow
def test_a_grown_dataset_is_the_larger_one(drawn, tmp_path):
    built(tmp_path / "y", episodes=3)
    built(tmp_path / "y")
    assert same_bytes(drawn, tmp_path / "y")


@pytest.mark.slow
def test_chunks_without_pictures_are_not_used_again(drawn, tmp_path):
    built(tmp_path / "y", **{"dataset.pixels": None})
    built(tmp_path / "y", overwrite=True)
    assert same_bytes(drawn, tmp_path / "y")


def test_the_manifest_says_what_drew_and_in_which_version(drawn):
    inputs = read_manifest(drawn).inputs
    assert inputs["config"]["dataset"]["pixels"] == SIZE
    assert inputs["environment"]["drawn_by"] == "pygame"
    assert {"pillow"} < inputs["packages"].keys()
    assert [name for name in inputs["packages"] if name.startswith("pygame")]


def test_verify_draws_again_and_compares(seen):
    (replay,) = [item for item in check(seen).checks if item.name == "replay"]
    assert replay.passed
    assert replay.compared.endswith("bit for bit, pixels too")


def test_what_they_are_is_a_claim_until_they_are_drawn_again(seen):
    said = "its pixels are what CartPole-v1 shows (level=replay)"
    assert said in map(str, check(seen, "files").claims)
    assert said not in map(str, check(seen).claims)


@pytest.mark.slow
def test_where_nothing_draws_all_else_is_compared(tmp_path, monkeypatch):
    built(tmp_path / "x", env={"id": "Drawn/Lantern-v0"}, threshold=None)
    assert load(tmp_path / "x").arrays()["pixels"][:6, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 0]
    monkeypatch.setattr(Lamp, "metadata", {"render_modes": []})
    (replay,) = [item for item in check(tmp_path / "x").checks if item.name == "replay"]
    assert replay.passed
    assert "bit for bit; not the pixels: Drawn/Lantern-v0 cannot be drawn" in replay.compared


@pytest.mark.slow
def test_a_rebuild_gives_the_same_pictures(seen):
    assert all(item.passed for item in check(seen, "rebuild").checks)


def tampered(image):
    """A picture with one number changed."""
    pixels = decode(pa.array([image], STORAGE), (12, 18, 3))[0]
    pixels[3, 4, 1] ^= 1
    return {"bytes": png(pixels), "path": None}


def test_one_changed_number_of_a_picture_is_found_at_its_step(seen):
    def change(columns):
        columns["pixels"][9] = tampered(columns["pixels"][9])

    rewrite(seen, STEPS, change)
    name, difference = failure(seen)
    arrays = load(seen).arrays()
    assert (name, difference.column) == ("replay", "pixels")
    assert (difference.episode, difference.step) == (arrays["episode_index"][9], arrays["step_index"][9])


def test_one_changed_number_of_a_final_picture_is_found(seen):
    def change(columns):
        columns["final_pixels"][1] = tampered(columns["final_pixels"][1])

    rewrite(seen, EPISODES, change)
    name, difference = failure(seen)
    assert (name, difference.column, difference.episode) == ("replay", "final_pixels", 1)
    assert difference.step == len(load(seen)[1].actions)


def test_pictures_of_another_size_than_the_manifest_says_are_found(seen):
    def change(columns):
        columns["pixels"][0] = {"bytes": png(np.zeros((12, 12, 3), np.uint8)), "path": None}

    rewrite(seen, STEPS, change)
    name, difference = failure(seen, "files")
    assert name == "tables"
    assert "another shape" in difference.what


def test_an_environment_that_shows_nothing_is_refused_before_play(tmp_path):
    with pytest.raises(EnvironmentError_, match="Drawn/Blind-v0 cannot be drawn"):
        built(tmp_path / "y", env={"id": "Drawn/Blind-v0"})
    assert not list(tmp_path.iterdir())


def test_a_function_of_the_users_own_records_none(tmp_path):
    config = {**CONFIG, "out": str(tmp_path / "y")}
    with pytest.raises(ConfigError, match="recorded by the built-in enjoy alone"):
        Controller(enjoy=lambda path, context, expert: True).start(config)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"height": 84}, "no size of a picture; expected height and width; got height"),
        ({"height": 84, "width": 84, "depth": 1}, "no size of a picture"),
        ({"height": 0, "width": 84}, "dataset.pixels.height is out of range; expected at least 1"),
        ({"height": 84, "width": 1025}, "dataset.pixels.width is out of range; expected at most 1024"),
        ({"height": "tall", "width": 84}, "dataset.pixels"),
    ],
)
def test_what_is_no_size_is_refused(tmp_path, size, message):
    with pytest.raises(ConfigError, match=message):
        built(tmp_path / "y", **{"dataset.pixels": size})


def test_the_card_says_what_the_pictures_are(drawn):
    card = (drawn / "README.md").read_text()
    assert "| `pixels` | uint8, PNG | 12 × 18 × 3 |" in card
    assert "| drawn by | pygame: the same pictures on every machine |" in card
    assert "'dataset.pixels={height:12,width:18}'" in card


def test_load_dataset_gives_images(drawn):
    found = load_dataset(str(drawn), split="train")
    assert isinstance(found.features["pixels"], Image)
    assert found[0]["pixels"].size == (18, 12)


def test_inputs_are_as_a_json_reader_has_them(drawn):
    assert json.loads((drawn / "manifest.json").read_text())["inputs"] == dict(read_manifest(drawn).inputs)
