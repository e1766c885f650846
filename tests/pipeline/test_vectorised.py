"""Lanes that are stepped together: the same bytes, or not at all."""

import extras
import functional
import pytest
from verification import check

from builder import build
from builder.composition import build_config
from builder.errors import ConfigError, EnvironmentError_
from builder.manifest.manifest import read_manifest
from builder.pipeline.instances import settle, slower
from builder.pipeline.prepare import prepare


@pytest.fixture
def _walks():
    functional.register_walks()
    yield
    functional.forget_walks()


def settled(*overrides, out="unused"):
    return settle(prepare(build_config(["expert=random", f"out={out}", *overrides])), None)


@pytest.mark.slow
@pytest.mark.usefixtures("_walks")
def test_a_functional_environment_is_stepped_together_with_the_bytes_of_one_by_one(tmp_path):
    made = {}
    for vector, lanes in ((False, 128), ("auto", 128), (True, 3)):
        out = tmp_path / str(vector)
        env = {"id": "Walk-v0", "vector": vector}
        build("random", env=env, episodes=10, out=out, rollout={"lanes": lanes})
        made[vector] = read_manifest(out)
    assert made[False] == made["auto"] == made[True]


@pytest.mark.slow
@pytest.mark.usefixtures("_walks")
def test_the_spec_says_how_lanes_are_stepped_and_the_slower_way_is_one_by_one():
    found = settled("env.id=Walk-v0")
    assert found.environment.vector == "functional"
    following = slower(found)
    assert following.environment.vector == ""
    assert following.environment.reusable == found.environment.reusable
    assert settled("env.id=Walk-v0", "env.vector=false").environment.vector == ""


@pytest.mark.slow
@pytest.mark.usefixtures("_walks")
def test_one_that_does_not_bear_to_be_compiled_is_stepped_one_by_one(caplog):
    caplog.set_level("INFO", "builder")
    assert settled("env.id=Impure-v0").environment.vector == ""
    assert "lanes of Impure-v0 are stepped one by one: together they give something else" in caplog.text
    with pytest.raises(EnvironmentError_, match=r"something else than one alone, at .* of seed"):
        settled("env.id=Impure-v0", "env.vector=true")


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (["env.id=CartPole-v1"], "only functional environments"),
        (["env.id=CartPole-v1", "dataset.simulator_state=true"], r"dataset\.simulator_state asks each"),
        (["env.id=CartPole-v1", "env.wrappers=[FlattenObservation]"], "wrappers of its own"),
        (["env.id=CartPole-v1", "env.instances=single"], "nothing else plays"),
    ],
)
def test_what_needs_a_lane_of_its_own_is_refused_in_one_line(overrides, why):
    assert settled(*overrides).environment.vector == ""
    with pytest.raises(ConfigError, match=why) as found:
        settled(*overrides, "env.vector=true")
    assert "leave out env.vector" in str(found.value)


def test_an_own_enjoy_steps_its_environment_itself(tmp_path):
    config = build_config(["expert=random", "env.id=CartPole-v1", "env.vector=true", f"out={tmp_path / 'x'}"])
    with pytest.raises(ConfigError, match="built-in enjoy alone"):
        prepare(config, {"enjoy": print})


def test_another_word_is_refused():
    with pytest.raises(ConfigError, match=r"env\.vector is unknown.*auto or true or false"):
        build_config(["env.vector=maybe"])


@pytest.mark.slow
def test_gymnasiums_own_jax_environments_are_verified_as_any_other(tmp_path):
    extras.jax()
    for name in ("CartPole-v1", "Pendulum-v0"):
        out = tmp_path / name
        build("random", env={"id": f"phys2d/{name}", "vector": True}, episodes=6, out=out)
        check(out, level="replay")
