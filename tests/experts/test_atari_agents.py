"""A published Atari agent becomes a dataset: its decisions, single frames, and the stack on request.

The agents are Stable-Baselines3's own, untrained, with weights that make them move; beside them lies a
`config.yml` as RL Baselines3 Zoo writes it.
"""

import dataclasses
from collections import OrderedDict
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import yaml
from sb3_models import image, make_model
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

from builder import Policy, build, enjoy
from builder.cli.main import main
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.environment import make, resolve
from builder.environments.wrappers import Layers
from builder.episodes.context import Context
from builder.episodes.recording_file import read_recording as load_recording
from builder.replay.replay import recorded_environment

WRAPPER = "stable_baselines3.common.atari_wrappers.AtariWrapper"
ACTIONS = {"Freeway": 3, "MsPacman": 9}
UNLIMITED = {"max_episode_steps": None, "max_steps": None}
WHOLE = {"terminal_on_life_loss": False, "clip_reward": False}


def save_agent(folder, algorithm, actions, wrapper=WRAPPER):
    """An archive as the zoo has it; the model that is in it."""
    folder.mkdir()
    model = make_model(algorithm, "CnnPolicy", image(84, 84, 4), gym.spaces.Discrete(actions))
    if algorithm == "PPO":  # whose outputs else differ by so much that it takes one action only
        _balance(model.policy)
    model.save(folder / "agent.zip")
    config = OrderedDict(env_wrapper=[wrapper], frame_stack=4, n_timesteps=1e7, policy="CnnPolicy")
    (folder / "config.yml").write_text(yaml.dump(config))
    return model


def _balance(policy):
    """Let all actions be equally good on a screen of Freeway, so that the motion on it decides."""
    import torch

    env = make(resolve("FreewayNoFrameskip-v4", {}, **UNLIMITED, layers=Layers(AtariPreprocessing())))
    screen = torch.from_numpy(np.stack([env.reset(seed=0)[0]] * 4)[None])
    with torch.no_grad():
        policy.action_net.bias -= policy.get_distribution(screen).distribution.logits[0]


def seen_by_sb3(model, env_id, seed, steps, wrapper_kwargs):
    """Stable-Baselines3's own pipeline: stacks, actions and rewards of one attempt."""
    vector = VecFrameStack(make_atari_env(env_id, n_envs=1, seed=seed, wrapper_kwargs=wrapper_kwargs), 4)
    stacks, actions, rewards, ended = [vector.reset()[0]], [], [], [False]
    while len(actions) < steps and not ended[0]:
        action, _ = model.predict(stacks[-1][None], deterministic=True)
        stack, reward, ended, _ = vector.step(action)
        actions.append(action[0])
        rewards.append(reward[0])
        stacks.append(stack[0].copy())
    vector.close()
    return np.stack(stacks), np.array(actions), np.array(rewards)


@pytest.fixture
def built(tmp_path):
    def run(name="built", **config):
        return build(**{"expert": "local", "episodes": 3, "out": str(tmp_path / name), **config})

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        ("PPO", "Freeway", WRAPPER, 100),  # which has no lives
        ("DQN", "MsPacman", {WRAPPER: {"terminal_on_life_loss": False}}, 600),
    ],
    ids=["Freeway", "MsPacman"],
)
def test_it_is_what_sb3_sees_and_does(tmp_path, built, case):
    algorithm, game, wrapper, limit = case
    env_id = f"{game}NoFrameskip-v4"
    model = save_agent(tmp_path / "agent", algorithm, ACTIONS[game], wrapper)
    dataset = built(
        **{"expert.path": str(tmp_path / "agent"), "env.id": env_id, "env.max_episode_steps": limit},
        episodes=1,
    )
    assert dataset.transitions.features["observation"]._type == "Image"
    assert "next_observation" not in dataset.transitions.features
    taken = set()
    for episode in dataset.stacked(4):
        stacks, acted, rewards = seen_by_sb3(model, env_id, episode.seed, limit, WHOLE)
        assert np.array_equal(episode.actions, acted)
        assert np.array_equal(episode.rewards, rewards)
        assert np.array_equal(episode.observations[:-1], np.moveaxis(stacks[:-1], -1, 1))
        if episode.truncations[-1]:  # SB3 shows the next game's first frame after the last one's end
            assert np.array_equal(episode.observations[-1], np.moveaxis(stacks[-1], -1, 0))
        taken |= set(acted.tolist())
    assert len(taken) > 1
    assert episode.terminations[-1] == (game == "MsPacman")


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """An agent for Breakout that was trained life by life."""
    folder = tmp_path_factory.mktemp("agents") / "agent"
    save_agent(folder, "PPO", 4)
    return folder


@pytest.fixture
def breakout(agent):
    return {"expert.path": str(agent), "env.id": "BreakoutNoFrameskip-v4", "env.max_episode_steps": 60}


@pytest.mark.slow
def test_whole_games_are_played_and_the_environment_can_be_made_from_the_manifest(built, breakout):
    dataset = built(**breakout | {"env.max_episode_steps": 500}, episodes=1)
    described = dict(dataset.manifest.inputs["environment"])
    assert described["preprocessing"] == dataclasses.asdict(AtariPreprocessing())
    env = make(recorded_environment(dataset.manifest))
    for episode in dataset:
        observation, info = env.reset(seed=episode.seed)
        assert info["lives"] == 5
        replayed, rewards = [observation], []
        for action in episode.actions:
            observation, reward, terminated, _, info = env.step(action)
            replayed.append(observation)
            rewards.append(reward)
        assert np.array_equal(episode.observations, np.stack(replayed))
        assert np.array_equal(episode.rewards, rewards)
        assert terminated == episode.terminations[-1]


@pytest.mark.slow
@pytest.mark.parametrize("level", ["replay", "rebuild"])
def test_it_is_proven_by(level, built, breakout):
    dataset = built(**breakout, episodes=2)
    arguments = ["verify", f"out={dataset.folder}", f"level={level}"]
    if level == "rebuild":
        arguments.append(f"expert.path={breakout['expert.path']}")
    assert main(arguments) == 0


@pytest.mark.slow
def test_lanes_workers_and_single_attempts_give_the_same_bytes(tmp_path, built, breakout):
    one = built("one", **breakout, **{"rollout.lanes": 1})
    threads = {"parallel": "threading", "parallel.n_jobs": 2}
    many = built("many", **breakout, **{"rollout.lanes": 3}, **threads)
    assert one.manifest.fingerprint == many.manifest.fingerprint
    expert = Policy(
        name="BreakoutNoFrameskip-v4",
        path=str(Path(breakout["expert.path"]) / "agent.zip"),
        env_kwargs={"max_num_frames_per_episode": 250},
    )
    alone = built("alone", expert=expert, episodes=2)
    enjoy(path=str(tmp_path / "attempt"), context=Context(1), expert=expert)
    recording, _ = load_recording(tmp_path / "attempt")
    assert np.array_equal(recording.observations[0], alone[1].observations[:-1])
    assert np.array_equal(recording.actions[0], alone[1].actions)


@pytest.mark.slow
def test_the_raw_screen_can_be_recorded_in_its_place(built, breakout):
    dataset = built(**breakout, **{"env.preprocessing": "raw"}, episodes=1)
    assert dataset[0].observations.shape == (61, 210, 160, 3)
    assert "preprocessing" not in dataset.manifest.inputs["environment"]


@pytest.mark.slow
def test_other_experts_play_preprocessed_frames_where_asked(built):
    asked = {"env.id": "FreewayNoFrameskip-v4", "env.max_episode_steps": 5}
    dataset = built(**asked, **{"expert": "random", "env.preprocessing": "atari"}, episodes=2)
    assert dataset[0].observations.shape == (6, 84, 84)
    assert dataset.manifest.inputs["environment"]["preprocessing"]["frame_skip"] == 4


@pytest.mark.slow
def test_an_agent_without_a_configuration_is_shown_as_many_frames_as_its_network_takes(tmp_path, built):
    save_agent(tmp_path / "agent", "PPO", 3)
    (tmp_path / "agent" / "config.yml").unlink()
    asked = {"expert.path": str(tmp_path / "agent"), "env.id": "FreewayNoFrameskip-v4"}
    dataset = built(**asked, **{"env.preprocessing": "atari", "env.max_episode_steps": 5}, episodes=1)
    assert len(dataset[0]) == 5
