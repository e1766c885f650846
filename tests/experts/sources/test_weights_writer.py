"""Models of Stable-Baselines3 that were written act alike, and what cannot be said is an error."""

import dataclasses
import json

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import UNEVEN, box, make_model
from sweeps import sweep
from weights_folders import CARTPOLE, actions_of, drawn

from builder.errors import ArchiveError, ConfigError, UnsupportedExpertError
from builder.experts import save_weights
from builder.experts.sources.registered import DEFAULT_ROLLOUT

SEEN = box(4, low=-9, high=9)
SAMPLED = dataclasses.replace(DEFAULT_ROLLOUT, deterministic=False)
MODELS = {
    "PPO": ("PPO", "MlpPolicy", SEEN, UNEVEN),
    "PPO discrete": ("PPO", "MlpPolicy", SEEN, gym.spaces.MultiDiscrete([2, 3])),
    "A2C bits": ("A2C", "MlpPolicy", SEEN, gym.spaces.MultiBinary(3)),
    "SAC": ("SAC", "MlpPolicy", SEEN, UNEVEN),
    "TQC gSDE": ("TQC", "MlpPolicy", SEEN, UNEVEN),
    "TD3": ("TD3", "MlpPolicy", SEEN, UNEVEN),
    "DQN": ("DQN", "MlpPolicy", gym.spaces.Discrete(5), gym.spaces.Discrete(3)),
    "QRDQN": ("QRDQN", "MlpPolicy", SEEN, gym.spaces.Discrete(3)),
    "DQN images": ("DQN", "CnnPolicy", gym.spaces.Box(0, 255, (1, 36, 36), np.uint8), gym.spaces.Discrete(3)),
}


def predicted(model, observations):
    return model.predict(observations, deterministic=True)[0]


@sweep("name", MODELS, quick=5)
def test_a_model_acts_as_it_does_by_itself(tmp_path, name):
    algorithm, policy, *spaces = MODELS[name]
    settings = {"use_sde": True} if "gSDE" in name else {}
    model = make_model(algorithm, policy, *spaces, **settings)
    folder = save_weights(model, None, None, tmp_path / "x")
    rows = 20 if "images" in name else 1000
    (observations,) = drawn(spaces[0], rows)
    ours, theirs = actions_of(folder, spaces, [observations]), predicted(model, observations)
    if isinstance(spaces[1], gym.spaces.Box):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(ours, theirs)
    assert json.loads((folder / "expert.json").read_text())["algorithm"] == algorithm


@pytest.mark.parametrize("name", ["PPO", "PPO discrete", "SAC", "DQN"])
def test_a_model_samples_as_its_archive_does(tmp_path, name):
    from configured import loaded

    algorithm, policy, *spaces = MODELS[name]
    model = make_model(algorithm, policy, *spaces)
    folder = save_weights(model, None, None, tmp_path / "x")
    model.save(tmp_path / "x.zip", exclude=["_last_obs"])
    (observations,) = drawn(spaces[0], 20)
    ours = actions_of(folder, spaces, [observations], SAMPLED)
    actor = (
        loaded("local", path=str(tmp_path / "x.zip"))
        .player(SAMPLED, env_id="", max_episode_steps=9)
        .actor(*spaces)
    )
    from builder.episodes.context import Context

    actor.begin(0, Context(0))
    theirs = np.stack([actor.act([observations[row : row + 1]], [0])[0][0].copy() for row in range(20)])
    np.testing.assert_array_equal(ours, theirs)


def test_a_models_statistics_go_with_it(tmp_path):
    from stable_baselines3 import A2C
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    vector = VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    model = A2C("MlpPolicy", vector, device="cpu", seed=0)
    vector.obs_rms.mean, vector.obs_rms.var = np.arange(4.0), np.arange(1, 5) / 7
    folder = save_weights(model, None, None, tmp_path / "x")
    (observations,) = drawn(CARTPOLE[0], 1000)
    theirs = predicted(model, vector.normalize_obs(observations.copy()))
    np.testing.assert_array_equal(actions_of(folder, CARTPOLE, [observations]), theirs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("RecurrentPPO", "MlpLstmPolicy", SEEN, UNEVEN), "a policy of RecurrentPPO"),
        (("MaskablePPO", "MlpPolicy", SEEN, gym.spaces.Discrete(2)), "a policy of MaskablePPO"),
    ],
)
def test_a_model_that_cannot_be_written_is_named_with_the_way_that_there_is(tmp_path, arguments, message):
    with pytest.raises(UnsupportedExpertError, match=f"{message}.*expert=local"):
        save_weights(make_model(*arguments), None, None, tmp_path / "x")


def linear():
    import torch

    return torch.nn.Sequential(torch.nn.Linear(4, 2))


def test_a_module_without_spaces_and_a_model_with_others_are_errors(tmp_path):
    with pytest.raises(ConfigError, match="the spaces of a module"):
        save_weights(linear(), None, CARTPOLE[1], tmp_path / "x")
    model = make_model("PPO", "MlpPolicy", SEEN, UNEVEN)
    with pytest.raises(ConfigError, match="the model knows other spaces"):
        save_weights(model, SEEN, CARTPOLE[1], tmp_path / "x")


def test_a_module_that_does_not_fit_its_spaces_is_an_error_and_nothing_is_written(tmp_path):
    for spaces in ((SEEN, gym.spaces.Discrete(3)), (box(3), CARTPOLE[1])):
        with pytest.raises(ArchiveError):
            save_weights(linear(), *spaces, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_word_that_means_nothing_is_an_error_that_lists_those_that_do(tmp_path):
    with pytest.raises(ConfigError, match=r"save_weights\(sqash=\).*expected algorithm, env_id"):
        save_weights(linear(), *CARTPOLE, tmp_path / "x", sqash="tanh")


def test_a_folder_that_holds_something_else_is_left_alone_and_ones_own_is_written_again(tmp_path):
    save_weights(linear(), *CARTPOLE, tmp_path / "x")
    save_weights(linear(), *CARTPOLE, tmp_path / "x", sampling="softmax")
    assert "softmax" in (tmp_path / "x/expert.json").read_text()
    (tmp_path / "x/thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="holds something else"):
        save_weights(linear(), *CARTPOLE, tmp_path / "x")


def test_a_gaussian_is_sampled_from_where_its_spread_is_said(tmp_path):
    spaces = SEEN, box(2, low=-9, high=9)
    observations = [np.zeros((1000, 4), np.float32)]
    module = linear()
    module[0].bias.data.zero_()
    folder = save_weights(module, *spaces, tmp_path / "x", log_std=np.log([1, 0.1]))
    found = actions_of(folder, spaces, observations, SAMPLED)
    np.testing.assert_allclose(found.std(axis=0), [1, 0.1], rtol=0.1)
    unsaid = save_weights(module, *spaces, tmp_path / "y")
    with pytest.raises(UnsupportedExpertError, match=r"or one that nothing says.*rollout.deterministic=true"):
        actions_of(unsaid, spaces, observations, SAMPLED)
