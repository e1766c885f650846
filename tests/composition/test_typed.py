"""What was composed becomes the dataclass of its verb, with places in it."""

import dataclasses
from pathlib import Path

import pytest
from sweeps import sweep

from builder.checks.config import CheckConfig
from builder.composition import build_config, compose
from builder.config import BuildConfig, ReferenceConfig
from builder.errors import ConfigError
from builder.storage.paths import AnyPath
from builder.storage.remote_path import RemotePath
from builder.verify.config import VerifyConfig


@dataclasses.dataclass(frozen=True)
class Clean:
    out: AnyPath
    debug: bool = False


def test_another_verb_composes_its_own_file():
    assert compose(Clean, "clean", ["out=x"]) == Clean(out=Path("x"), debug=False)


@pytest.mark.parametrize("overrides", [[], ["out=null"]])
def test_a_key_that_must_be_given_is_named(overrides):
    with pytest.raises(ConfigError) as caught:
        compose(Clean, "clean", overrides)
    assert str(caught.value) == "out must be given; add out=... to the command"


@sweep(
    ("out", "place"),
    [
        ("x/y", Path("x/y")),
        (Path("x/y"), Path("x/y")),
        ("~/x", Path("/home/somebody/x")),
        ("file:///shared/x", Path("/shared/x")),
        ("memory://shelf/x/", RemotePath("memory://shelf/x")),
        (".", Path.cwd()),
        ("..", Path.cwd().parent),
        (None, Path("data/cartpole")),
        ("", Path("data/cartpole")),
    ],
    quick=4,
)
def test_out_is_a_place_in_the_configuration(monkeypatch, out, place):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("IL_BUILDER_DATA", raising=False)
    assert build_config({"out": out}).out == place


def test_verify_needs_no_out():
    assert compose(VerifyConfig, "verify", []).out is None
    assert compose(VerifyConfig, "verify", ["out=x"]).out == Path("x")


@pytest.mark.parametrize("out", [["a"], {"a": 1}])
def test_an_out_that_is_no_text_is_refused(out):
    with pytest.raises(ConfigError, match=r"^out: "):
        build_config({"out": out})


@pytest.mark.parametrize(
    ("root", "out"),
    [
        ("", "data/cartpole"),
        ("/data", "/data/cartpole"),
        ("/data/", "/data/cartpole"),
        ("s3://bucket/data/", "s3://bucket/data/cartpole"),
    ],
)
def test_the_data_root_is_read_when_a_build_is_composed(monkeypatch, root, out):
    monkeypatch.setenv("IL_BUILDER_DATA", root)
    assert str(build_config([]).out) == out
    assert build_config(["out=x"]).out == Path("x")


@sweep(
    ("overrides", "name"),
    [
        (["expert=random", "env.id=CartPole-v1"], "random-CartPole-v1"),
        (["expert=random", "env.id=ALE/Pong-v5"], "random-ALE-Pong-v5"),
        (["expert=random", "env.id=my.package:Room-v0"], "random-my.package-Room-v0"),
        (["expert=python", "env.id=CartPole-v1"], "python-CartPole-v1"),
        (["expert=random", "expert.name=noise", "env.id=CartPole-v1"], "noise"),
        (["expert=local", "expert.path=a/best_model.zip", "env.id=CartPole-v1"], "best_model"),
        (["expert=hub", "expert.repo_id=somebody/ppo-CartPole-v1"], "ppo-CartPole-v1"),
        (["expert=random"], "random"),
    ],
    quick=4,
)
def test_the_folder_of_an_expert_without_a_name_has_that_of_the_environment(monkeypatch, overrides, name):
    monkeypatch.delenv("IL_BUILDER_DATA", raising=False)
    assert build_config(overrides).out == Path("data") / name


@pytest.mark.parametrize("key", ["threshold", "max_return", "dataset.test_fraction", "expert.mean_return"])
def test_a_number_beyond_all_floats_is_refused(key):
    with pytest.raises(ConfigError, match="a number is larger than any"):
        build_config([f"{key}={'7' * 400}"])


@pytest.mark.parametrize("verb", ["build", "check", "verify", "reference"])
@pytest.mark.parametrize("key", ["env.kwargs", "expert.env_kwargs"])
def test_a_variable_is_no_mapping_and_its_value_is_not_shown(monkeypatch, key, verb):
    monkeypatch.setenv("ODD_KEY", "hidden-value")
    schema = {
        "build": BuildConfig,
        "check": CheckConfig,
        "verify": VerifyConfig,
        "reference": ReferenceConfig,
    }[verb]
    with pytest.raises(ConfigError) as refused:
        compose(schema, verb, [f"{key}=${{oc.env:ODD_KEY}}"])
    assert "hidden-value" not in str(refused.value)
