"""`expert=cleanrl`: from a repository or a file to a dataset, in the environment that the names say."""

import dataclasses

import cleanrl_models
import flax_models
import gymnasium as gym
import hub_clients
import numpy as np
import pytest
from configured import loaded
from places import ROOT
from sb3_models import start

from builder import build, load
from builder.errors import BuilderError, ConfigError, ExpertError
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.frame_stack import PictureStack
from builder.experts.sources.portable import read_portable, save_portable
from builder.experts.sources.registered import DEFAULT_ROLLOUT
from builder.experts.sources.source import ARCHIVE
from builder.experts.sources.table import described_source

CARTPOLE = (gym.make("CartPole-v1").observation_space, gym.spaces.Discrete(2))
REPOSITORY = "cleanrl/CartPole-v1-dqn-seed1"
CARD = b"""---
model-index:
- name: DQN
  results:
  - metrics:
    - type: mean_reward
      value: -5.00 +/- 1.50
---
"""


@pytest.fixture(scope="module")
def model():
    """What acts, and its file."""
    return cleanrl_models.saved("dqn", CARTPOLE)


@pytest.fixture
def file(model, tmp_path):
    (tmp_path / "dqn.cleanrl_model").write_bytes(model[1])
    return tmp_path / "dqn.cleanrl_model"


def test_a_repository_of_its_naming_is_built_as_its_own_code_acts_and_proven(hub, clients, model, tmp_path):
    card = {"README.md": CARD, "dqn.py": b"raise SystemExit", "replay.mp4": b"0"}
    repository = hub.store.add("model", REPOSITORY, {"dqn.cleanrl_model": model[1], **card})
    out = str(tmp_path / "x")
    clients(hub_clients.build, expert="cleanrl", **{"expert.repo_id": REPOSITORY}, episodes=2, out=out)
    dataset = load(out)
    assert dataset.manifest.inputs["environment"]["id"] == "CartPole-v1"
    expert = dataset.manifest.inputs["expert"]
    assert (expert["source"], expert["algo"], expert["commit"]) == ("cleanrl", "DQN", repository.head.oid)
    for episode in dataset:
        expected = cleanrl_models.inferred("dqn", model[0], episode.observations[:-1])
        np.testing.assert_array_equal(episode.actions, expected)
    assert clients(hub_clients.verify, out=out, level="rebuild")


def test_the_figure_of_its_card_is_its_published_return(hub, clients, model):
    files = {"dqn.cleanrl_model": model[1], "README.md": CARD}
    hub.store.add("model", REPOSITORY, files)
    said = clients(hub_clients.expert_published, "cleanrl", REPOSITORY)
    assert said == (-5.0, 1.5, False, "README.md")
    hub.store.add("model", "cleanrl/Acrobot-v1-dqn-seed1", {"dqn.cleanrl_model": model[1]})
    assert clients(hub_clients.expert_published, "cleanrl", "cleanrl/Acrobot-v1-dqn-seed1") is None


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_file_of_this_machine_or_the_folder_that_holds_it(file, where):
    expert = loaded("cleanrl", path=str(file if where == "file" else file.parent))
    assert expert.identity["algo"] == "DQN"
    assert described_source(expert.identity).rebuilt(expert.identity).missing == {"path": ARCHIVE}


def test_where_a_file_does_not_say_its_environment_the_user_has_to(file, tmp_path):
    with pytest.raises(ConfigError, match="does not say what it plays"):
        build(expert="cleanrl", **{"expert.path": str(file)}, episodes=1, out=str(tmp_path / "x"))


def test_what_the_scripts_arguments_say_of_the_environment_is_taken_unless_it_imports(tmp_path):
    for env_id, said in (("CartPole-v1", None), ("os:CartPole-v1", "would import a module")):
        path = tmp_path / "c51.cleanrl_model"
        path.write_bytes(cleanrl_models.saved("c51", CARTPOLE, env_id)[1])
        config = {
            "expert": "cleanrl",
            "expert.path": str(path),
            "episodes": 1,
            "out": str(tmp_path / env_id[:2]),
        }
        if said is None:
            assert build(**config).manifest.inputs["environment"]["id"] == env_id
        else:
            with pytest.raises(BuilderError, match=said):
                build(**config)


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        ({}, ConfigError, "needs expert.repo_id or expert.path"),
        ({"repo_id": "a/b", "path": "x"}, ConfigError, "needs expert.repo_id or expert.path"),
        ({"repo_id": "user/mine"}, ConfigError, "not named as CleanRL"),
        ({"path": "nowhere"}, ExpertError, "there is no file"),
        ({"path": "file", "sha256": "0" * 64}, ExpertError, "not the expert that was asked for"),
        ({"path": "file", "frame_stack": 4}, ConfigError, "expert=cleanrl is not"),
    ],
    ids=["nothing", "both", "another name", "no file", "another file", "stacks"],
)
def test_what_is_no_model_of_its_is_named(file, said, error, match):
    if said.get("path") == "file":
        said = {**said, "path": str(file)}
    with pytest.raises(error, match=match):
        loaded("cleanrl", **said)


def test_a_folder_of_several_is_refused(file):
    (file.parent / "c51.cleanrl_model").write_bytes(b"")
    with pytest.raises(ExpertError, match=r"one \.cleanrl_model; got c51\.cleanrl_model, dqn\.cleanrl_model"):
        loaded("cleanrl", path=str(file.parent))


@pytest.fixture(scope="module")
def atari(tmp_path_factory):
    path = tmp_path_factory.mktemp("atari") / "dqn_atari.cleanrl_model"
    path.write_bytes(cleanrl_models.saved("dqn_atari")[1])
    return path


def test_an_agent_of_screens_sees_its_first_one_four_times(atari):
    expert = loaded("cleanrl", path=str(atari))
    where = {"env_id": "FreewayNoFrameskip-v4", "max_episode_steps": 10}
    player = expert.player(DEFAULT_ROLLOUT, **where, preprocessed=True)
    assert player.view.decisions == (PictureStack(4, repeated=True),)
    assert dataclasses.asdict(expert.preprocessing())["fire_after_life"]
    raw = expert.player(DEFAULT_ROLLOUT, **where).view
    assert raw.decisions[-1] == PictureStack(4, repeated=True)


@pytest.mark.slow
def test_a_game_is_played_as_its_network_says_behind_its_wrappers(atari, tmp_path):
    acting, _ = cleanrl_models.saved("dqn_atari")
    config = {"env.id": "FreewayNoFrameskip-v4", "env.max_episode_steps": 12, "expert.path": str(atari)}
    dataset = build(expert="cleanrl", **config, episodes=1, out=str(tmp_path / "x"))
    frames = dataset[0].observations
    assert frames.shape == (13, 84, 84)
    padded = np.concatenate([frames[:1]] * 3 + [frames])
    stacks = np.stack([padded[step : step + 4] for step in range(12)])
    np.testing.assert_array_equal(dataset[0].actions, cleanrl_models.inferred("dqn_atari", acting, stacks))
    assert dataset.manifest.notes[0].startswith("training made frames small before it made them grey")


@pytest.mark.parametrize("script", ["c51", "td3_continuous_action"])
def test_it_is_kept_as_data_and_acts_alike(script, tmp_path):
    path = tmp_path / f"{script}.cleanrl_model"
    path.write_bytes(cleanrl_models.saved(script)[1])
    expert = loaded("cleanrl", path=str(path))
    save_portable(expert.trained.portable(), tmp_path / "kept")
    kept = read_portable(tmp_path / "kept").agent
    assert kept.algorithm == expert.identity["algo"]
    assert kept.network.head.sampling == expert.trained.agent.network.head.sampling


def test_a_player_of_envpool_plays_the_game_that_skips_no_frames_itself():
    expert = loaded("cleanrl", path=str(ROOT / "tests" / "flax_files" / "cleanba_ppo.cleanrl_model"))
    assert expert.policy.name == "BreakoutNoFrameskip-v4"
    assert expert.preprocessing() is not None
    assert "envpool" in expert.notes[0]


def test_a_player_of_screens_is_kept_as_data_and_acts_alike(tmp_path):
    expert = loaded("cleanrl", path=str(ROOT / "tests" / "flax_files" / "cleanba_ppo.cleanrl_model"))
    save_portable(expert.trained.portable(), tmp_path / "kept")
    kept = read_portable(tmp_path / "kept").agent
    space, seen = kept.observation_space, [flax_models.observed("cleanba_ppo", 8)]
    before, after = (
        start(NetworkPlayer(agent.network), space, kept.action_space, lanes=8).act(seen, range(8))[0]
        for agent in (expert.trained.agent, kept)
    )
    np.testing.assert_array_equal(before, after)
