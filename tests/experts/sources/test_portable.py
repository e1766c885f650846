"""An expert kept as safetensors and JSON acts as the one it was read from, to the bit."""

import dataclasses
import json
import shutil
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from agents import agent, start
from places import AGENTS

from builder import Controller, load
from builder.composition import build_config
from builder.episodes.context import Context
from builder.errors import ArchiveError, ConfigError, ExpertError
from builder.experts.policy import BUNDLED
from builder.experts.sources.files import read_archived
from builder.experts.sources.portable import DESCRIPTION, WEIGHTS, read_portable, save_portable


def archived(path, **changes):
    config = build_config(["expert=local", f"expert.path={path}"])
    return read_archived(dataclasses.replace(config.expert, **changes), Path(path)), config.rollout


def actions(expert, rollout, env_id, observations, space):
    player = expert.player(rollout, env_id=env_id, max_episode_steps=1000)
    actor = player.actor(*space)
    for lane in range(4):
        actor.begin(lane, Context(lane))
    return [np.array(actor.act([batch], range(4))[0]) for batch in observations]


def agents():
    found = sorted(AGENTS.glob("*/*.zip")) if AGENTS.is_dir() else []
    plain = [path for path in found if "FetchReach" not in path.name and "-v3" not in path.name]
    return [BUNDLED / "cartpole.zip", *plain]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.parent != BUNDLED else [])
        for path in agents()
    ],
)
def test_a_kept_expert_acts_alike_to_the_bit(path, tmp_path):
    original, rollout = archived(path)
    save_portable(original.portable(), tmp_path / "kept")
    kept, _ = archived(tmp_path / "kept")
    env_id = original.companions.env_id or "CartPole-v1"
    env_id = env_id.replace("LunarLander-v2", "LunarLander-v3")
    environment = gym.make(env_id)
    space = (environment.observation_space, environment.action_space)
    rng = np.random.default_rng(0)
    size = (4, *space[0].shape)
    batches = [rng.normal(size=size).astype(space[0].dtype) for _ in range(50)]
    ours, theirs = (actions(expert, rollout, env_id, batches, space) for expert in (original, kept))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_it_was_read_from_is_remembered(tmp_path):
    original, _ = archived(BUNDLED / "cartpole.zip")
    save_portable(original.portable(), tmp_path / "kept")
    assert read_portable(tmp_path / "kept").origin["sha256"] == original.sha256
    assert archived(tmp_path / "kept")[0].identity["origin"]["sha256"] == original.sha256


def test_keeping_does_not_touch_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="holds something else"):
        save_portable(archived(BUNDLED / "cartpole.zip")[0].portable(), tmp_path)


@pytest.fixture
def kept(tmp_path):
    save_portable(archived(BUNDLED / "cartpole.zip")[0].portable(), tmp_path / "kept")
    return tmp_path / "kept"


def test_a_truncated_file_is_an_error(kept):
    (kept / WEIGHTS).write_bytes((kept / WEIGHTS).read_bytes()[:-9])
    with pytest.raises(ArchiveError, match="is damaged"):
        read_portable(kept)


def test_only_known_classes_are_made(kept):
    content = json.loads((kept / DESCRIPTION).read_text())
    content["agent"] = {"class": "Popen", "fields": {"args": "touch marker"}}
    (kept / DESCRIPTION).write_text(json.dumps(content))
    with pytest.raises(ArchiveError, match="is damaged"):
        read_portable(kept)


@pytest.mark.slow
def test_the_weights_can_go_with_the_dataset_and_play_alike(tmp_path):
    start(tmp_path, agent(tmp_path / "a"), **{"dataset.include_expert": True})
    assert "expert/expert.json" in load(tmp_path / "x").manifest.files
    again = Controller().start(
        {
            "expert": "local",
            "expert.path": str(tmp_path / "x/expert"),
            "env.id": "CartPole-v1",
            "episodes": 15,
            "out": str(tmp_path / "y"),
        }
    )
    ours, theirs = load(tmp_path / "x").arrays(), load(again.out).arrays()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_a_dataset_is_built_again_from_the_expert_inside_it(tmp_path):
    folder = agent(tmp_path / "a")
    first = start(tmp_path, folder, **{"dataset.include_expert": True}).manifest
    shutil.rmtree(folder)
    again = Controller().start({"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")})
    assert again.manifest == first  # with the archive that it came from, and the expert in it once more


@pytest.mark.slow
def test_an_expert_that_was_changed_inside_its_dataset_does_not_stand_for_the_archive(tmp_path):
    start(tmp_path, agent(tmp_path / "a"), **{"dataset.include_expert": True})
    description = tmp_path / "x/expert/expert.json"
    description.write_text(description.read_text().replace('"sha256"', '"SHA256"'))
    with pytest.raises(ConfigError, match="does not say where the archive"):
        Controller().start({"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")})
    config = {"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")}
    with pytest.raises(ExpertError, match="is not the expert that was asked for"):
        Controller().start({**config, "expert.path": str(tmp_path / "x/expert")})
