"""The wrappers of training, by the words of RL Zoo's configuration."""

import pytest

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.observations.frame_stack import FrameStack, History
from builder.experts.observations.images import BrighterOfTwo, Grey, Resized
from builder.experts.observations.transforms import MaskedVelocity, TimeFeature
from builder.experts.observations.wrapped_policy import Opening, PolicyView
from builder.experts.sources.zoo_files import read_companions


def view(folder, *, env_id="Pendulum-v1", **config):
    return read_companions(folder(**config)).view(env_id=env_id, max_episode_steps=200)


def test_wrappers_are_applied_from_the_inside_out(folder):
    wrappers = [
        "sb3_contrib.common.wrappers.TimeFeatureWrapper",
        {"rl_zoo3.wrappers.HistoryWrapper": {"horizon": 3}},
    ]
    expected = PolicyView(decisions=(TimeFeature(200), History(3), FrameStack(2)))
    assert view(folder, env_wrapper=wrappers, frame_stack=2) == expected


def test_one_wrapper_need_not_be_in_a_list(folder):
    assert view(folder, env_wrapper="utils.wrappers.TimeFeatureWrapper").decisions == (TimeFeature(200),)


def test_time_feature_without_a_time_limit_takes_the_wrappers_own(folder):
    config = folder(env_wrapper={"sb3_contrib.common.wrappers.TimeFeatureWrapper": {"max_steps": 70}})
    assert read_companions(config).view().decisions == (TimeFeature(70),)


@pytest.mark.parametrize("played", [None, "CartPole-v1"])
def test_environment_without_velocities_is_the_plain_one_masked(folder, played):
    companions = read_companions(folder(args={"env": "CartPoleNoVel-v1"}))
    assert companions.view(env_id=played) == PolicyView(decisions=(MaskedVelocity((1, 3)),))


def test_velocities_are_masked_by_environment(folder):
    masked = view(folder, env_id="LunarLander-v3", env_wrapper="rl_zoo3.wrappers.MaskVelocityWrapper")
    assert masked.decisions == (MaskedVelocity((2, 3, 5)),)
    with pytest.raises(UnsupportedExpertError, match="which numbers of Ant-v4 are velocities"):
        view(folder, env_id="Ant-v4", env_wrapper="rl_zoo3.wrappers.MaskVelocityWrapper")


def test_skipped_frames_repeat_actions_and_split_the_wrappers(folder):
    wrappers = [
        "sb3_contrib.common.wrappers.TimeFeatureWrapper",
        {"rl_zoo3.wrappers.FrameSkip": {"skip": 2}},
        {"rl_zoo3.wrappers.HistoryWrapper": {"horizon": 2}},
    ]
    expected = PolicyView(every_step=(TimeFeature(200),), decisions=(History(2),), repeat=2)
    assert view(folder, env_wrapper=wrappers) == expected


def test_car_racing_sees_small_grey_pictures(folder):
    wrappers = [
        {"gym.wrappers.resize_observation.ResizeObservation": {"shape": 64}},
        {"gym.wrappers.gray_scale_observation.GrayScaleObservation": {"keep_dim": True}},
    ]
    expected = PolicyView(decisions=(Resized(64, 64), Grey(keep_channel=True), FrameStack(2)))
    assert view(folder, env_wrapper=wrappers, frame_stack=2) == expected


@pytest.mark.parametrize(("env_id", "fire"), [("BreakoutNoFrameskip-v4", 4), ("MsPacmanNoFrameskip-v4", 0)])
def test_atari_wrapper_is_taken_apart(folder, env_id, fire):
    wrapper = "stable_baselines3.common.atari_wrappers.AtariWrapper"
    expected = PolicyView(
        every_step=(BrighterOfTwo(),),
        decisions=(Grey(keep_channel=True), Resized(84, 84), FrameStack(4)),
        repeat=4,
        opening=Opening(30, fire),
    )
    assert view(folder, env_id=env_id, env_wrapper=[wrapper], frame_stack=4) == expected
    assert "whole games" in read_companions(folder(env_wrapper=[wrapper])).notes[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, AtariPreprocessing()),
        (
            {"noop_max": 0, "frame_skip": 0, "screen_size": 42, "terminal_on_life_loss": False},
            AtariPreprocessing(noop_max=0, frame_skip=1, screen_size=42, fire_after_life=False),
        ),
    ],
)
def test_atari_preprocessing_can_be_the_environments(folder, arguments, expected):
    wrappers = [
        {"stable_baselines3.common.atari_wrappers.AtariWrapper": arguments},
        "gym.wrappers.ClipRewardEnv",
    ]
    assert read_companions(folder(env_wrapper=wrappers)).preprocessing == expected


@pytest.mark.parametrize("kind", ["TimeFeatureWrapper", "AtariWrapper"])
def test_atari_preprocessing_is_the_policys_view_where_more_stands_between(folder, kind):
    more = f"rl_zoo3.wrappers.{kind}"
    wrappers = ["stable_baselines3.common.atari_wrappers.AtariWrapper", more]
    assert read_companions(folder(env_wrapper=wrappers)).preprocessing is None
    assert read_companions(folder(env_wrapper=more.replace("Atari", "TimeFeature"))).preprocessing is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"terminal_on_life_loss": "no"}, ArchiveError),
        ({"screen_size": 0}, ArchiveError),
        ({"action_repeat_probability": 0.25}, UnsupportedExpertError),
    ],
)
def test_atari_preprocessing_that_cannot_be_had_is_refused(folder, arguments, error):
    wrapper = {"stable_baselines3.common.atari_wrappers.AtariWrapper": arguments}
    with pytest.raises(error, match="AtariWrapper"):
        _ = read_companions(folder(env_wrapper=[wrapper])).preprocessing


def test_stacking_by_the_wrapper_of_vector_environments_is_known(folder):
    wrapper = {"stable_baselines3.common.vec_env.VecFrameStack": {"n_stack": 3}}
    assert view(folder, vec_env_wrapper=[wrapper]).decisions == (FrameStack(3),)


def test_wrappers_that_change_rewards_only_are_noted(folder):
    companions = read_companions(folder(env_wrapper=["rl_zoo3.wrappers.DelayedRewardWrapper"]))
    assert companions.view() is None
    assert companions.notes == ("training delayed rewards; here they come when they are earned",)


@pytest.mark.parametrize(
    ("key", "wrapper"),
    [
        ("env_wrapper", "gym_minigrid.wrappers.FlatObsWrapper"),
        ("env_wrapper", "mine.TimeFeatureWrapper"),
        ("env_wrapper", [{"rl_zoo3.wrappers.ActionNoiseWrapper": {"noise_std": 0.1}}]),
        ("vec_env_wrapper", "stable_baselines3.common.vec_env.VecMonitor"),
    ],
)
def test_unknown_wrapper_is_named(folder, key, wrapper):
    name = wrapper if isinstance(wrapper, str) else next(iter(wrapper[0]))
    with pytest.raises(UnsupportedExpertError, match=name.replace(".", r"\.")):
        read_companions(folder(**{key: wrapper}))


@pytest.mark.parametrize("wrapper", [3, {"a": {}, "b": {}}, {"a": 3}, [None]])
def test_list_of_wrappers_that_is_none_is_refused(folder, wrapper):
    with pytest.raises(ArchiveError, match="env_wrapper"):
        read_companions(folder(env_wrapper=wrapper))
