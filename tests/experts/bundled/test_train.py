"""The bundled experts: archive and YAML agree, and the recipe writes what is committed."""

import hashlib
import io
import zipfile
from pathlib import Path

import gymnasium as gym
import pytest
import yaml

from builder.experts.bundled.train import BUNDLED, CONF, RECIPES, Recipe

FIELDS = {
    "defaults": list,
    "name": str,
    "source": str,
    "path": str,
    "sha256": str,
    "algo": str,
    "env_id": str,
    "threshold": float,
    "mean_return": float,
    "std_return": float,
}

every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


def described(recipe: Recipe) -> dict:
    return yaml.safe_load((CONF / f"{recipe.name}.yaml").read_text())


def archive(recipe: Recipe) -> Path:
    return BUNDLED / described(recipe)["path"]


@every_recipe
def test_yaml_has_exactly_the_fields_of_a_bundled_expert(recipe):
    fields = described(recipe)
    assert {name: type(value) for name, value in fields.items()} == FIELDS
    assert fields["source"] == "bundled"
    assert fields["defaults"] == ["base", "_self_"]


@every_recipe
def test_yaml_agrees_with_the_recipe(recipe):
    fields = described(recipe)
    for name in ("name", "algo", "env_id", "threshold"):
        assert fields[name] == getattr(recipe, name)


@every_recipe
def test_sha256_is_that_of_the_archive(recipe):
    digest = hashlib.sha256(archive(recipe).read_bytes()).hexdigest()
    assert described(recipe)["sha256"] == digest


@every_recipe
def test_environment_is_registered_with_gymnasium(recipe):
    assert gym.spec(described(recipe)["env_id"]).id == recipe.env_id


@every_recipe
def test_mean_return_passes_the_threshold(recipe):
    assert described(recipe)["mean_return"] >= recipe.threshold


@every_recipe
def test_archive_has_the_parts_of_an_sb3_archive(recipe):
    with zipfile.ZipFile(archive(recipe)) as parts:
        assert parts.testzip() is None
        assert {"data", "policy.pth", "_stable_baselines3_version"} <= set(parts.namelist())


@every_recipe
def test_archive_names_no_machine(recipe):
    with zipfile.ZipFile(archive(recipe)) as parts:
        assert b"OS:" not in parts.read("system_info.txt")
        assert b" at 0x" not in parts.read("data")


def test_every_archive_belongs_to_a_recipe():
    assert sorted(BUNDLED.glob("*.zip")) == sorted(archive(recipe) for recipe in RECIPES)


def test_all_archives_together_are_under_2_mb():
    assert sum(path.stat().st_size for path in BUNDLED.glob("*.zip")) < 2_000_000


def test_cartpole_was_measured_at_500_in_every_episode():
    cartpole = yaml.safe_load((CONF / "cartpole.yaml").read_text())
    assert (cartpole["threshold"], cartpole["mean_return"], cartpole["std_return"]) == (500.0, 500.0, 0.0)


def test_stable_baselines3_opens_what_pack_writes_and_plays_the_same():
    import numpy as np
    from stable_baselines3 import PPO

    from builder.experts.bundled.train import pack

    model = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu", policy_kwargs={"net_arch": [4]})
    packed = pack(model)
    assert pack(model) == packed
    observations = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    expected, _ = model.predict(observations, deterministic=True)
    actual, _ = PPO.load(io.BytesIO(packed), device="cpu").predict(observations, deterministic=True)
    assert actual.tolist() == expected.tolist()
