"""From a key of the configuration to what is recorded beside."""

import shutil

import pytest
from datasets import load_dataset
from noting import Counted
from sweeps import sweep
from verification import STEPS, check, failure, rewrite

from builder import build, load
from builder.composition import build_config
from builder.environments.simulator_state import KeptState, restore, state_in
from builder.errors import ConfigError
from builder.manifest.manifest import read_manifest
from builder.pipeline.annotations import annotations_of, with_instances

SOURCES = {"dataset.counted": lambda config, found: Counted(), "dataset.none": lambda config, found: None}


def test_a_key_that_asks_for_nothing_adds_nothing():
    assert annotations_of(None, None, {}, SOURCES) == (Counted(),)


def test_a_function_of_the_users_own_records_nothing_beside():
    with pytest.raises(ConfigError, match=r"dataset\.counted is recorded by the built-in enjoy alone"):
        annotations_of(None, None, {"enjoy": print}, SOURCES)


STATES = {
    "expert": "random",
    "env.id": "InvertedPendulum-v5",
    "episodes": 4,
    "dataset.simulator_state": True,
    "parallel": "threading",
    "parallel.n_jobs": 1,
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    out = tmp_path_factory.mktemp("kept") / "x"
    build(**STATES, out=str(out))
    return out


def test_a_loaded_dataset_goes_on_from_any_of_its_steps(kept):
    dataset = load(kept)
    columns, environment = dataset.arrays(), dataset.environment()
    for row in range(len(columns["reward"])):
        restore(environment, state_in(columns, row))
        observation, reward, terminated, _, _ = environment.step(columns["action"][row])
        assert observation.tobytes() == columns["next_observation"][row].tobytes()
        assert (reward, terminated) == (columns["reward"][row], columns["terminated"][row])
    row = load_dataset(str(kept), split="train")[1]
    restore(environment, row["simulator_state"])
    assert environment.step(columns["action"][1])[0].tolist() == row["next_observation"]
    environment.close()


def test_the_last_state_is_with_its_episode(kept):
    final = load_dataset(str(kept), "episodes", split="train")
    assert final[0]["final_simulator_state"]["mujoco"][1] == final[0]["final_observation"][0]


@sweep("more", [{"rollout.lanes": 7}, {"rollout.lanes": 1}, {"parallel": "loky", "parallel.n_jobs": 2}])
def test_states_are_the_same_whatever_plays(kept, tmp_path, more):
    build(**STATES | more, out=str(tmp_path / "y"))
    assert read_manifest(tmp_path / "y").fingerprint == read_manifest(kept).fingerprint


def test_states_are_replayed(kept, tmp_path):
    folder = shutil.copytree(kept, tmp_path / "x")
    assert all(item.passed for item in check(folder).checks)

    def change(columns):
        columns["simulator_state"][2]["mujoco"][0] += 1

    rewrite(folder, STEPS, change)
    name, difference = failure(folder)
    assert (name, difference.column, difference.step) == ("replay", "simulator_state.mujoco", 2)


@pytest.mark.slow
def test_states_are_rebuilt(kept):
    assert all(item.passed for item in check(kept, "rebuild").checks)


def test_where_used_instances_keep_something_fresh_ones_play(tmp_path):
    config = build_config(["expert=random", "env.id=CartPole-v1"])
    assert with_instances(config, [KeptState((), fresh=True)]).env.instances == "fresh"
    assert with_instances(config, [KeptState(())]) == config
    stated = build_config(["expert=random", "env.id=CartPole-v1", "env.instances=reused"])
    with pytest.raises(ConfigError, match="needs a fresh instance for each episode"):
        with_instances(stated, [KeptState((), fresh=True)])
