"""Lanes that are stepped together: the same bytes, or not at all."""

from functools import partial

import extras
import functional
import gymnasium as gym
import pytest
from gymnasium.envs.registration import register
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from verification import STEPS, check, rewrite

from builder import build
from builder.composition import build_config
from builder.config import ParallelConfig
from builder.errors import ConfigError, EnvironmentError_
from builder.manifest.manifest import read_manifest
from builder.pipeline.instances import settle, slower
from builder.pipeline.prepare import prepare
from builder.replay import replay


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
        (["env.id=Pendulum-v1"], "it has no vector environment"),
        (["env.id=ALE/Pong-v5"], "shows an older frame where a game is over"),
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


def test_a_vector_environment_that_is_seeded_as_a_whole_is_refused():
    assert settled("env.id=CartPole-v1").environment.vector == ""
    with pytest.raises(
        EnvironmentError_, match=r"CartPole-v1 .*a reset with a seed for each lane.*Seed must"
    ):
        settled("env.id=CartPole-v1", "env.vector=true")


@pytest.fixture
def _pendulums():
    """Pendulum with a vector environment of the same numbers, and one of others."""
    entry_point = gym.spec("Pendulum-v1").entry_point

    def vector(num_envs, max_episode_steps, gravity=10.0):
        def one():
            return gym.make("Pendulum-v1", max_episode_steps=max_episode_steps, g=gravity)

        return SyncVectorEnv([one] * num_envs, autoreset_mode=AutoresetMode.DISABLED)

    ids = {"Same-v0": vector, "Other-v0": partial(vector, gravity=9.0)}
    for name, entry in ids.items():
        register(name, entry_point=entry_point, vector_entry_point=entry, max_episode_steps=30)
    yield
    for name in ids:
        gym.registry.pop(name)


@pytest.mark.usefixtures("_pendulums")
def test_a_vector_environment_of_the_same_numbers_plays_the_same_bytes(tmp_path):
    made = []
    for vector, lanes in ((False, 4), (True, 4), (True, 3)):
        out = tmp_path / f"{vector}{lanes}"
        env = {"id": "Same-v0", "vector": vector}
        build("random", env=env, episodes=9, out=out, rollout={"lanes": lanes}, card={"preview": False})
        made.append(read_manifest(out))
    assert made[0] == made[1] == made[2]
    assert settled("env.id=Same-v0", "env.vector=true").environment.vector == "entry point"
    assert settled("env.id=Same-v0").environment.vector == ""


@pytest.mark.usefixtures("_pendulums")
def test_one_of_other_numbers_is_refused_with_the_step_and_what_to_do():
    with pytest.raises(EnvironmentError_, match=r"something else than one alone, at step 0 .*registered"):
        settled("env.id=Other-v0", "env.vector=true")


def test_an_own_enjoy_steps_its_environment_itself(tmp_path):
    config = build_config(["expert=random", "env.id=CartPole-v1", "env.vector=true", f"out={tmp_path / 'x'}"])
    with pytest.raises(ConfigError, match="built-in enjoy alone"):
        prepare(config, {"enjoy": print})


def test_another_word_is_refused():
    with pytest.raises(ConfigError, match=r"env\.vector is unknown.*auto or true or false"):
        build_config(["env.vector=maybe"])


@pytest.mark.slow
def test_a_replay_side_by_side_finds_the_episode_that_was_changed(tmp_path):
    extras.jax()
    out = tmp_path / "x"
    build("random", env={"id": "phys2d/CartPole-v1"}, episodes=60, out=out, card={"preview": False})
    check(out, level="replay")

    def change(columns):
        columns["reward"][700] = 7.0

    rewrite(out, STEPS, change)
    found = replay(out, {"train": range(60)}, parallel=ParallelConfig(backend="threading", n_jobs=1))
    assert found.difference.column == "reward"


@pytest.mark.slow
def test_gymnasiums_own_jax_environments_are_verified_as_any_other(tmp_path):
    extras.jax()
    for name in ("CartPole-v1", "Pendulum-v0"):
        out = tmp_path / name
        build("random", env={"id": f"phys2d/{name}", "vector": True}, episodes=6, out=out)
        check(out, level="replay")
