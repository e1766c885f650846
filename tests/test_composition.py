"""Overrides and mappings become the same typed configuration; what cannot be one is refused readably."""

import contextlib
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.composition import build_config, compose, expand_sweep
from builder.config import (
    BuildConfig,
    DatasetConfig,
    EnvConfig,
    HubConfig,
    ParallelConfig,
    RolloutConfig,
    VerifyConfig,
)
from builder.episodes.acceptance import Acceptance
from builder.errors import ConfigError
from builder.experts.policy import Experts, Policy, conf_folder
from builder.experts.sources.table import SOURCES
from builder.storage.paths import AnyPath
from builder.storage.remote_path import RemotePath

CONF = sorted(conf_folder().rglob("*.yaml"))
DEFAULT = build_config([])
EXPERTS = [path for path in CONF if path.parent.name == "expert" and path.stem != "base"]


@pytest.fixture
def registry():
    """The experts that a test registers are forgotten after it."""
    before = dict(Experts._registered)
    yield Experts
    Experts._registered.clear()
    Experts._registered.update(before)


def test_without_overrides_the_defaults_hold():
    config = DEFAULT
    assert config == BuildConfig(
        expert=config.expert,
        env=EnvConfig(id=None, kwargs={}, max_episode_steps=None, preprocessing=None, wrappers=[]),
        rollout=RolloutConfig(lanes=128, deterministic=True, precision="float64", max_steps=None),
        parallel=ParallelConfig(backend="threading", n_jobs=1),
        dataset=DatasetConfig(
            next_observation=None, test_fraction=0.0, shard_mb=512, include_expert=False, license=None
        ),
        mode="all",
        episodes=100,
        seed=0,
        out=Path("data/cartpole"),
        threshold=None,
        max_return=None,
        max_attempts=None,
        overwrite=False,
        keep_chunks=True,
        verify_sample=3,
        hub=HubConfig(),
        debug=False,
    )
    assert (config.expert.name, config.expert.source, config.expert.threshold) == (
        "cartpole",
        "bundled",
        500.0,
    )


@pytest.mark.parametrize("source", SOURCES)
def test_an_expert_of_every_source_composes(source):
    name = "cartpole" if source == "bundled" else source
    config = build_config([f"expert={name}", *(["expert.name=mine"] if name == "registered" else [])])
    assert (config.expert.name, config.expert.source) == ({"registered": "mine"}.get(name, name), source)


def test_a_source_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError) as caught:
        build_config(["expert.source=hbu"])
    assert str(caught.value) == f"expert.source is unknown; expected {' or '.join(SOURCES)}; got 'hbu'"


@pytest.mark.parametrize("path", EXPERTS, ids=lambda path: path.stem)
def test_an_experts_file_says_what_every_expert_may_say(path):
    content, known = (yaml.safe_load(file.read_text()) for file in (path, path.with_name("base.yaml")))
    assert content.pop("defaults") == ["base", "_self_"]
    assert content.keys() <= known.keys()
    assert content["source"] in SOURCES
    assert content.get("name") == (None if content["source"] == "registered" else path.stem)


@pytest.mark.parametrize("path", CONF, ids=lambda path: path.stem)
def test_every_file_of_the_configuration_says_what_it_is(path):
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize(
    ("overrides", "mapping"),
    [
        (
            [
                "episodes=7",
                "threshold=-inf",
                "max_return=inf",
                "overwrite=true",
                "dataset.license=null",
                "out='a=b, c'",
            ],
            {
                "episodes": 7,
                "threshold": -math.inf,
                "max_return": math.inf,
                "overwrite": True,
                "dataset.license": None,
                "out": "a=b, c",
            },
        ),
        (
            ["expert=random", "expert.threshold=1", "parallel=loky", "parallel.n_jobs=2", "rollout.lanes=3"],
            {
                "expert": "random",
                "expert.threshold": 1,
                "parallel": "loky",
                "parallel.n_jobs": 2,
                "rollout": {"lanes": 3},
            },
        ),
        (
            ["out=/somewhere/else", "episodes=7", "threshold=0.5"],
            {"out": Path("/somewhere/else"), "episodes": np.int64(7), "threshold": np.float32(0.5)},
        ),
        (["out=${seed}"], {"out": "${seed}"}),
        (
            ["out=~/x y", "expert=local", "expert.path=~"],
            {"out": "~/x y", "expert": "local", "expert.path": "~"},
        ),
    ],
)
def test_a_mapping_composes_as_the_overrides_do(overrides, mapping):
    assert build_config(mapping) == build_config(overrides) != DEFAULT


@pytest.mark.parametrize(
    "config",
    [
        ["env.kwargs.gravity=9.8", "env.kwargs.size=[1,2]"],
        ["+env.kwargs.gravity=9.8", "++env.kwargs.size=[1,2]"],
        ["env.kwargs={gravity: 9.8, size: [1,2]}"],
        {"env.kwargs.gravity": 9.8, "env.kwargs.size": [1, 2]},
        {"env.kwargs": {"gravity": 9.8, "size": (1, 2)}},
        {"env": {"kwargs": {"gravity": 9.8, "size": np.array([1, 2])}}},
    ],
    ids=str,
)
def test_any_key_can_be_passed_to_the_environment(config):
    found = build_config(config).env.kwargs
    assert found == {"gravity": 9.8, "size": [1, 2]}
    assert (type(found), type(found["size"])) == (dict, list)


@pytest.mark.parametrize(
    "config",
    [["expert.env_kwargs.a.b=1"], {"expert.env_kwargs.a.b": 1}, {"expert": {"env_kwargs": {"a": {"b": 1}}}}],
    ids=str,
)
def test_an_environments_arguments_may_be_nested(config):
    found = build_config(config).expert.env_kwargs
    assert found == {"a": {"b": 1}}
    assert type(found["a"]) is dict


def test_a_configuration_that_is_typed_already_is_taken_as_it_is():
    assert build_config(DEFAULT) is DEFAULT


POLICY = Policy(
    name="CartPole-v1", policy=object(), threshold=5.0, algo="PPO", env_kwargs={"sutton_barto_reward": True}
)


def test_a_registered_expert_brings_what_it_plays(registry):
    registry.register("mine", POLICY)
    expert = build_config({"expert": "mine"}).expert
    assert (expert.name, expert.source, expert.algo) == ("mine", "registered", "PPO")
    assert (expert.env_id, expert.env_kwargs, expert.threshold) == (
        "CartPole-v1",
        {"sutton_barto_reward": True},
        5.0,
    )


def test_a_policy_can_be_given_as_it_is(registry):
    expert = build_config({"expert": dataclasses.replace(POLICY, name="gym/Cart-v1"), "episodes": 3}).expert
    assert (expert.name, expert.source, expert.env_id) == ("gym-Cart-v1", "registered", "gym/Cart-v1")
    assert registry.registered("gym-Cart-v1").policy is POLICY.policy


def test_what_the_user_says_of_a_registered_expert_wins(registry):
    registry.register("mine", POLICY)
    config = build_config({"expert": "mine", "expert.threshold": 7.0, "expert.env_kwargs.other": 1})
    assert config.expert.threshold == 7.0
    assert config.expert.env_kwargs == {"sutton_barto_reward": True, "other": 1}


KNOWN = (
    "known: dataset, debug, env, episodes, expert, hub, keep_chunks, manifest, max_attempts, max_return,"
    " mode, out, ..."
)
QUOTE = "expected key=value; quote a value that holds special characters: \"out='a=b'\""


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (["expert=cartpol"], "there is no expert 'cartpol'; did you mean 'cartpole'?"),
        ({"expert": "cartpol"}, "there is no expert 'cartpol'; did you mean 'cartpole'?"),
        (["parallel=dusk"], "there is no parallel 'dusk'; did you mean 'dask'?"),
        (["episode=5"], "there is no key 'episode'; did you mean 'episodes'?"),
        ({"episode": 5}, "there is no key 'episode'; did you mean 'episodes'?"),
        (["rollout.lane=3"], "there is no key 'rollout.lane'; did you mean 'rollout.lanes'?"),
        ({"rollout": {"lane": 3}}, "there is no key 'rollout.lane'; did you mean 'rollout.lanes'?"),
        ({"rollouts": {"lanes": 3}}, "there is no key 'rollouts'; did you mean 'rollout'?"),
        (["+episode=3"], "there is no key 'episode'; did you mean 'episodes'?"),
        (["exprt=cartpole"], "there is no key 'exprt'; did you mean 'expert'?"),
        (["+zzz=3"], f"there is no key 'zzz'; {KNOWN}"),
        (["env={kwargs: {gravity: 1}}"], "env is a group of keys; set them one by one: env.KEY=..."),
        ({"rollout": 5}, "rollout is a group of keys; expected a name or a mapping; got 5"),
        (["episodes=many"], "episodes: Value 'many' of type 'str' could not be converted to Integer"),
        (["episodes=2.5"], "episodes: Value '2.5' of type 'float' could not be converted to Integer"),
        (["rollout.lanes=null"], "rollout.lanes: Incompatible value 'None' for field of type 'int'"),
        (
            {"env.kwargs.f": print},
            "env.kwargs.f: Value 'builtin_function_or_method' is not a supported primitive type",
        ),
        (["out=${nowhere}"], "out: Interpolation key 'nowhere' not found"),
        (["expert=registered"], "expert.name must be given; add expert.name=... to the command"),
        (["episodes"], f"'episodes' cannot be read; {QUOTE}"),
        (["out=a=b"], f"'out=a=b' cannot be read; {QUOTE}"),
        (["episodes=[1"], f"'episodes=[1' cannot be read; {QUOTE}"),
        (
            ["seed=0,1"],
            "seed has several values; got 0,1; add -m to build each of them, or quote it: \"seed='0,1'\"",
        ),
        (
            ["=3"],
            (
                "Config group override must be a string or a list. Got int;"
                " choose groups by name, e.g. expert=cartpole"
            ),
        ),
    ],
    ids=str,
)
def test_what_cannot_be_composed_is_refused_in_one_line(config, message):
    with pytest.raises(ConfigError) as caught:
        build_config(config)
    assert str(caught.value) == message


@settings(max_examples=8)
@given(st.text(max_size=12))
def test_no_override_raises_anything_else(text):
    with contextlib.suppress(ConfigError):
        assert isinstance(build_config([text]), BuildConfig)


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


@pytest.mark.parametrize(
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


def test_a_policy_states_both_bounds_of_acceptance_and_the_configuration_others(registry):
    policy = Policy("CartPole-v1", policy=object(), threshold=5.0, max_return=9.0)
    assert build_config({"expert": policy}).acceptance == Acceptance(5.0, 9.0)
    assert build_config({"expert": policy, "max_return": 8.0}).acceptance == Acceptance(5.0, 8.0)


@pytest.mark.parametrize(
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
)
def test_the_folder_of_an_expert_without_a_name_has_that_of_the_environment(monkeypatch, overrides, name):
    monkeypatch.delenv("IL_BUILDER_DATA", raising=False)
    assert build_config(overrides).out == Path("data") / name


@pytest.mark.parametrize(
    ("overrides", "jobs"),
    [
        (["episodes=2"], [["episodes=2"]]),
        ([], [[]]),
        (["seed=0,1", "episodes=2"], [["seed=0", "episodes=2"], ["seed=1", "episodes=2"]]),
        (["seed=range(0,3)"], [["seed=0"], ["seed=1"], ["seed=2"]]),
        (
            ["expert=cartpole,random", "seed=1,2"],
            [
                ["expert=cartpole", "seed=1"],
                ["expert=cartpole", "seed=2"],
                ["expert=random", "seed=1"],
                ["expert=random", "seed=2"],
            ],
        ),
        (["out='a,b'"], [["out='a,b'"]]),
        (["out=~/x", "seed=0,1"], [["out=~/x", "seed=0"], ["out=~/x", "seed=1"]]),
        (["env.kwargs.size=[1,2]"], [["env.kwargs.size=[1,2]"]]),
        (["env.kwargs.gravity=1,2"], [["env.kwargs.gravity=1"], ["env.kwargs.gravity=2"]]),
    ],
    ids=str,
)
def test_a_sweep_is_every_combination_in_order(overrides, jobs):
    assert list(expand_sweep(overrides)) == jobs


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=[1", f"'seed=[1' cannot be read; {QUOTE}"),
        (
            "seed=interval(0,1)",
            "'seed=interval(0,1)' cannot be swept: Can only enumerate CHOICE and RANGE sweeps",
        ),
        ("expert=glob(*)", "'expert=glob(*)' cannot be swept: "),
    ],
)
def test_a_sweep_that_cannot_be_expanded_is_refused(override, message):
    with pytest.raises(ConfigError) as caught:
        list(expand_sweep([override]))
    assert str(caught.value).startswith(message)


def test_composing_leaves_a_program_that_uses_hydra_itself_as_it_was(tmp_path):
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.version import getbase

    (tmp_path / "own.yaml").write_text("answer: 42\n")
    with initialize_config_dir(config_dir=str(tmp_path), version_base="1.2"):
        assert build_config(["episodes=3"]).episodes == 3
        with pytest.raises(ConfigError):
            build_config(["episode=3"])
        assert hydra_compose("own") == {"answer": 42}
        assert str(getbase()) == "1.2"


def test_composing_changes_neither_the_folder_nor_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build_config(["episodes=3"])
    list(expand_sweep(["seed=0,1"]))
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []
