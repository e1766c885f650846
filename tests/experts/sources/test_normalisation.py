"""An archive that was trained on normalised observations never plays without their statistics unsaid."""

import gymnasium as gym
import numpy as np
import pytest
import yaml
from sb3_models import SpacesEnv, box, make_model
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from builder.errors import ArchiveError, ExpertError
from builder.experts.sources.zoo_files import read_beside

PLAIN = "the archive shows that training did not normalise observations"


def normaliser(clip=10.0, **settings):
    """A `VecNormalize` that has seen a few observations."""
    vector = VecNormalize(
        DummyVecEnv([lambda: SpacesEnv(box(3), gym.spaces.Discrete(2))]), clip_obs=clip, **settings
    )
    vector.reset()
    vector.step([0])
    return vector


@pytest.fixture
def trained(tmp_path):
    """An archive as training left it: behind `VecNormalize`, without it, or nobody knows."""

    def save(normalised, name="agent.zip"):
        model = make_model(
            "PPO", "MlpPolicy", box(3), gym.spaces.Discrete(2), policy_kwargs={"net_arch": [2]}
        )
        model._last_obs = None if normalised is None else np.zeros((1, 3), np.float32)
        model._last_original_obs = np.zeros((1, 3), np.float32) if normalised else None
        model.save(tmp_path / name)
        return tmp_path / name

    return save


def configure(folder, **config):
    (folder / "config.yml").write_text(yaml.dump(config))


def test_an_archive_that_needs_statistics_and_has_none_is_refused_with_the_places(trained, tmp_path):
    with pytest.raises(ExpertError) as caught:
        read_beside(trained(normalised=True))
    assert caught.value.what == (
        "the expert was trained on normalised observations (it holds _last_original_obs),"
        " but their statistics are missing"
    )
    assert caught.value.expected == (
        f"vec_normalize.pkl, vecnormalize.pkl or agent_vecnormalize.pkl in {tmp_path}"
    )
    assert "expert.vec_normalize=PATH" in caught.value.remedy
    assert "expert.vec_normalize=none plays without" in caught.value.remedy


def test_statistics_of_other_archives_are_named_and_not_taken(trained, tmp_path):
    normaliser().save(tmp_path / "rl_model_vecnormalize_9_steps.pkl")
    with pytest.raises(
        ExpertError, match=r"those of others are there: .*/rl_model_vecnormalize_9_steps\.pkl"
    ):
        read_beside(trained(normalised=True, name="rl_model_5_steps.zip"))


@pytest.mark.parametrize("normalised", [True, None])
def test_statistics_under_any_name_are_used_and_that_is_noted(trained, tmp_path, normalised):
    archive = trained(normalised)
    normaliser(clip=5.0).save(tmp_path / "env_stats.pkl")
    beside = read_beside(archive)
    assert beside.companions.statistics.clip == 5
    assert beside.companions.files == ("env_stats.pkl",)
    assert list(beside.hashes) == ["env_stats.pkl"]
    note = "observations are normalised with env_stats.pkl, the only statistics beside the archive"
    assert beside.companions.notes == (note,)


def test_the_best_model_of_a_log_folder_has_the_statistics_of_its_environment(trained, tmp_path):
    archive = trained(normalised=True, name="best_model.zip")
    folder = tmp_path / "Ant-v3"
    folder.mkdir()
    configure(folder, normalize=True, frame_stack=2)
    normaliser(clip=5.0).save(folder / "vecnormalize.pkl")
    companions = read_beside(archive).companions
    assert (companions.statistics.clip, companions.frame_stack) == (5, 2)
    assert companions.files == ("config.yml", "vecnormalize.pkl")
    assert "may have been saved at another step of training" in companions.notes[0]


def test_a_best_model_among_the_folders_of_several_agents_is_refused(trained, tmp_path):
    archive = trained(normalised=False, name="best_model.zip")
    for name in ("Ant-v3", "Hopper-v3"):
        (tmp_path / name).mkdir()
        configure(tmp_path / name, frame_stack=2)
    with pytest.raises(ExpertError, match=r"any of several folders beside it; got Ant-v3, Hopper-v3"):
        read_beside(archive)


@pytest.mark.parametrize(
    ("normalised", "config", "note"),
    [
        (False, None, PLAIN),
        (None, {"normalize": False}, "config.yml says that observations were not normalised"),
        (True, {"normalize": "{'norm_obs': False}"}, "config.yml says that only rewards were normalised"),
    ],
)
def test_statistics_that_are_not_the_policys_are_not_used_and_that_is_noted(
    trained, tmp_path, normalised, config, note
):
    archive = trained(normalised)
    normaliser().save(tmp_path / "vec_normalize.pkl")
    if config:
        configure(tmp_path, **config)
    companions = read_beside(archive).companions
    assert companions.statistics is None
    assert companions.notes == (f"vec_normalize.pkl is not used: {note}",)


def test_the_archives_word_goes_before_a_configuration_that_does_not_know(trained, tmp_path):
    archive = trained(normalised=True)
    configure(tmp_path, n_envs=1)
    with pytest.raises(ExpertError, match="their statistics are missing"):
        read_beside(archive)
    normaliser(clip=5.0).save(tmp_path / "vec_normalize.pkl")
    assert read_beside(archive).companions.statistics.clip == 5


def test_the_configurations_word_goes_before_an_archive_that_shows_nothing(trained, tmp_path):
    archive = trained(normalised=None)
    configure(tmp_path, normalize=True)
    with pytest.raises(ExpertError, match=r"\(config.yml says so\)"):
        read_beside(archive)


def test_statistics_that_were_named_are_used_wherever_they_lie(trained, tmp_path):
    archive = trained(normalised=True)
    elsewhere = tmp_path / "elsewhere" / "mine.pkl"
    elsewhere.parent.mkdir()
    normaliser(clip=5.0).save(elsewhere)
    normaliser().save(tmp_path / "vec_normalize.pkl")
    beside = read_beside(archive, vec_normalize=str(elsewhere))
    assert beside.companions.statistics.clip == 5
    assert beside.companions.notes == ()


def test_statistics_that_were_named_must_be_there_and_be_some(trained, tmp_path):
    archive = trained(normalised=None)
    with pytest.raises(ExpertError, match=r"there are no normalisation statistics .*nothing\.pkl"):
        read_beside(archive, vec_normalize=str(tmp_path / "nothing.pkl"))
    with pytest.raises(ArchiveError, match=r"agent\.zip"):
        read_beside(archive, vec_normalize=str(archive))


def test_an_archive_plays_without_statistics_where_the_user_says_so(trained, tmp_path):
    archive = trained(normalised=True)
    normaliser().save(tmp_path / "vec_normalize.pkl")
    companions = read_beside(archive, vec_normalize="none").companions
    assert companions.statistics is None
    assert companions.notes == ("played without normalisation statistics, as expert.vec_normalize=none says",)


def test_checkpoints_of_a_real_training_have_statistics_of_their_own(tmp_path):
    model = PPO(
        "MlpPolicy", normaliser(), n_steps=8, batch_size=8, n_epochs=1, policy_kwargs={"net_arch": [2]}
    )
    callback = CheckpointCallback(8, tmp_path, name_prefix="mine", save_vecnormalize=True)
    model.learn(16, callback=callback)
    used = [read_beside(tmp_path / f"mine_{steps}_steps.zip").companions for steps in (8, 16)]
    assert [companions.files for companions in used] == [
        ("mine_vecnormalize_8_steps.pkl",),
        ("mine_vecnormalize_16_steps.pkl",),
    ]
    assert not np.array_equal(used[0].statistics.mean[""], used[1].statistics.mean[""])
