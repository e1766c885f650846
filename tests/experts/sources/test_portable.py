"""An expert kept as safetensors and JSON acts as the one it was read from, to the bit."""

import dataclasses
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from places import AGENTS

from builder.composition import build_config
from builder.episodes.context import Context
from builder.errors import ArchiveError, ConfigError
from builder.experts.policy import BUNDLED
from builder.experts.sources.files import read_archived
from builder.experts.sources.portable import DESCRIPTION, WEIGHTS, read_kept, save_kept


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


@pytest.mark.parametrize("path", agents(), ids=lambda path: path.stem)
def test_a_kept_expert_acts_alike_to_the_bit(path, tmp_path):
    original, rollout = archived(path)
    save_kept(original.kept(), tmp_path / "kept")
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
    save_kept(original.kept(), tmp_path / "kept")
    assert read_kept(tmp_path / "kept").origin["sha256"] == original.sha256
    assert archived(tmp_path / "kept")[0].identity["origin"]["sha256"] == original.sha256


def test_keeping_does_not_touch_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="holds something else"):
        save_kept(archived(BUNDLED / "cartpole.zip")[0].kept(), tmp_path)


@pytest.fixture
def kept(tmp_path):
    save_kept(archived(BUNDLED / "cartpole.zip")[0].kept(), tmp_path / "kept")
    return tmp_path / "kept"


def test_a_truncated_file_is_an_error(kept):
    (kept / WEIGHTS).write_bytes((kept / WEIGHTS).read_bytes()[:-9])
    with pytest.raises(ArchiveError, match="is damaged"):
        read_kept(kept)


def test_only_known_classes_are_made(kept):
    content = json.loads((kept / DESCRIPTION).read_text())
    content["agent"] = {"class": "Popen", "fields": {"args": "touch marker"}}
    (kept / DESCRIPTION).write_text(json.dumps(content))
    with pytest.raises(ArchiveError, match="is damaged"):
        read_kept(kept)
