"""Wrappers of the user's own: named, made, recorded, replayed; a stranger's are not imported."""

import json

import gymnasium as gym
import numpy as np
import pytest

from builder import build
from builder.environments.environment import make, resolve
from builder.environments.wrappers import HARMLESS, Layers, WrapperSpec, wrapper_specs
from builder.errors import BuilderError, ConfigError, EnvironmentError_

UNCHECKED = {"expert.check": "off"}
LIMITS = {"max_episode_steps": None, "max_steps": None}
HALVED = """
import gymnasium as gym

class Halved(gym.RewardWrapper):
    def __init__(self, env, by=2):
        super().__init__(env)
        self.by = by

    def reward(self, reward):
        return reward / self.by
"""


def observed(*entries):
    return make(resolve("CartPole-v1", {}, **LIMITS, layers=Layers(wrappers=wrapper_specs(entries))))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module in the working folder that has a wrapper."""
    monkeypatch.chdir(tmp_path)
    name = f"halving_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(HALVED)
    return name


def test_wrappers_of_gymnasium_go_by_their_names_innermost_first():
    entries = ["TimeAwareObservation", {"path": "DtypeObservation", "kwargs": {"dtype": "float64"}}]
    environment = observed(*entries)
    assert environment.observation_space.shape == (5,)
    assert environment.reset(seed=0)[0].dtype == np.float64


def test_every_harmless_wrapper_is_one_of_gymnasiums():
    assert set(gym.wrappers.__all__) > HARMLESS


def test_a_limit_beneath_a_wrapper_counts_the_environments_own_steps():
    environment = observed({"path": "MaxAndSkipObservation", "kwargs": {"skip": 4}})
    environment.reset(seed=0)
    environment.unwrapped.theta_threshold_radians = environment.unwrapped.x_threshold = np.inf
    steps = 1
    while not environment.step(0)[3]:
        steps += 1
    assert steps == 500 / 4


@pytest.mark.parametrize(
    ("entry", "error", "text"),
    [
        ("FlattenObservaton", ConfigError, "did you mean 'FlattenObservation'"),
        ("no_such_module_here:Wrapper", ConfigError, "the wrapper 'no_such_module_here:Wrapper' cannot be"),
        ({"kwargs": {}}, ConfigError, "an entry that is no wrapper"),
        (7, ConfigError, "an entry that is no wrapper"),
        ({"path": "ClipReward", "kwarg": {}}, ConfigError, "did you mean 'kwargs'"),
        ({"path": "ClipReward", "kwargs": {"low": 1}}, EnvironmentError_, "the wrapper ClipReward cannot be"),
        ("math:sqrt", EnvironmentError_, "the wrapper math:sqrt cannot be made"),
        ("builtins:id", EnvironmentError_, "does not give an environment"),
    ],
)
def test_what_is_no_wrapper_is_one_clear_error(entry, error, text):
    with pytest.raises(error, match=text):
        observed(entry)


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_wrapper_of_the_working_folder_plays_and_is_in_the_manifest(module, backend):
    wrappers = [{"path": f"{module}:Halved", "kwargs": {"by": 4}}, "FlattenObservation"]
    more = {"env": {"wrappers": wrappers}, "parallel": {"backend": backend, "n_jobs": 2}, **UNCHECKED}
    dataset = build("cartpole", episodes=2, threshold=0, out="x", **more)
    assert set(dataset.arrays()["reward"]) == {0.25}
    described = json.loads((dataset.folder / "manifest.json").read_text())["inputs"]["environment"]
    assert described["wrappers"] == [spec.describe() for spec in wrapper_specs(wrappers)]
    again = build(manifest=str(dataset.folder), out="y", **{"expert.trust_remote_code": True})
    assert again.manifest.fingerprint == dataset.manifest.fingerprint


def test_a_strangers_wrapper_is_imported_only_where_it_is_trusted(module, tmp_path):
    build("cartpole", episodes=1, threshold=0, out="x", env={"wrappers": [f"{module}:Halved"]}, **UNCHECKED)
    with pytest.raises(BuilderError, match=f"would have the wrapper {module}:Halved imported"):
        build(manifest="x", out="y")
    build("cartpole", episodes=1, threshold=0, out="z", env={"wrappers": ["FlattenObservation"]})
    build(manifest="z", out="w")


def test_a_wrapper_tells_one_dataset_from_another(tmp_path):
    plain = build("random", episodes=1, env={"id": "CartPole-v1"}, out=tmp_path / "a")
    wrappers = ["FlattenObservation"]
    flat = build("random", episodes=1, env={"id": "CartPole-v1", "wrappers": wrappers}, out=tmp_path / "b")
    assert plain.manifest.identity != flat.manifest.identity


def test_names_without_kwargs_are_the_short_form():
    assert wrapper_specs(["ClipReward"]) == (WrapperSpec("ClipReward"),)
