"""What lies beside an archive is read without constructing anything, and nothing needed is left out."""

import os
import pickle
from collections import OrderedDict

import gymnasium as gym
import numpy as np
import pytest
import yaml
from sb3_models import PUBLISHED, box

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ArchiveError, ExpertError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.plain_yaml import read_literal, read_yaml
from builder.experts.archive.vec_normalize import read_statistics
from builder.experts.observations.frame_stack import FrameStack, History
from builder.experts.observations.images import BrighterOfTwo, Grey, Resized
from builder.experts.observations.transforms import MaskedVelocity, Normalisation, TimeFeature
from builder.experts.observations.wrapped_policy import Opening, PolicyView
from builder.experts.sources.zoo_files import read_companions


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def statistics(space=None, **settings):
    """A `VecNormalize` as SB3 saves it, after it has seen a few observations."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    space = box(3) if space is None else space

    class Env(gym.Env):
        observation_space, action_space = space, gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return self.observation_space.sample(), {}

        def step(self, action):
            return self.observation_space.sample(), 1.0, False, False, {}

    vector = VecNormalize(DummyVecEnv([Env]), **settings)
    vector.reset()
    for _ in range(20):
        vector.step([0])
    return vector


@pytest.fixture
def folder(tmp_path):
    """A folder as the zoo publishes it; `write(**config)` sets its configuration."""
    (tmp_path / "agent.zip").touch()

    def write(args=None, **config):
        (tmp_path / "config.yml").write_text(yaml.dump(OrderedDict(sorted(config.items()))))
        if args is not None:
            (tmp_path / "args.yml").write_text(yaml.dump(OrderedDict(sorted(args.items()))))
        return tmp_path / "agent.zip"

    return write


def test_archive_alone_needs_nothing(tmp_path):
    (tmp_path / "agent.zip").touch()
    companions = read_companions(tmp_path / "agent.zip")
    assert companions.view() is None
    assert (companions.env_id, companions.env_kwargs, companions.files) == (None, {}, ())


def test_environment_comes_from_the_command_line_of_training(folder):
    companions = read_companions(folder(args={"env": "Pendulum-v1", "env_kwargs": None}))
    assert companions.env_id == "Pendulum-v1"
    assert companions.files == ("args.yml", "config.yml")


@pytest.mark.parametrize(
    ("config", "args", "other"),
    [
        ({"g": 9.0, "render_mode": "human"}, None, None),
        ("dict(g=9.0)", None, None),
        ("{'g': 9.0}", None, {"g": 1.0}),
        ({"g": 1.0}, {"g": 9.0}, {"g": 2.0}),
        (None, None, {"g": 9.0, "render_mode": "rgb_array"}),
    ],
)
def test_environment_kwargs_are_those_that_the_zoo_would_use(folder, tmp_path, config, args, other):
    archive = folder(
        args={"env": "Pendulum-v1", "env_kwargs": args}, **({"env_kwargs": config} if config else {})
    )
    if other:
        (tmp_path / "env_kwargs.yml").write_text(yaml.dump(other))
    assert read_companions(archive).env_kwargs == {"g": 9.0}


def test_log_folder_of_the_zoo_keeps_companions_in_a_folder_of_the_archives_name(tmp_path):
    (tmp_path / "Pendulum-v1.zip").touch()
    inner = tmp_path / "Pendulum-v1"
    inner.mkdir()
    (inner / "config.yml").write_text(yaml.dump(OrderedDict(normalize=True)))
    statistics().save(inner / "vecnormalize.pkl")
    companions = read_companions(tmp_path / "Pendulum-v1.zip")
    assert companions.files == ("config.yml", "vecnormalize.pkl")
    assert companions.statistics.clip == 10


def test_statistics_are_those_that_sb3_saved(tmp_path):
    vector = statistics(clip_obs=5.0, epsilon=1e-4)
    vector.save(tmp_path / "s.pkl")
    read = read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")
    np.testing.assert_array_equal(read.mean[""], vector.obs_rms.mean)
    np.testing.assert_array_equal(read.variance[""], vector.obs_rms.var)
    assert (read.clip, read.epsilon) == (5.0, 1e-4)


def test_statistics_of_some_keys_of_a_dict_are_read(tmp_path):
    vector = statistics(gym.spaces.Dict(a=box(2), b=box(3)), norm_obs_keys=["b"])
    vector.save(tmp_path / "s.pkl")
    read = read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")
    assert list(read.mean) == ["b"]
    np.testing.assert_array_equal(read.mean["b"], vector.obs_rms["b"].mean)


@pytest.mark.parametrize(
    "normalize", [True, "dict(norm_obs=True, norm_reward=False)", {"norm_reward": False}]
)
def test_missing_statistics_are_an_error(folder, normalize):
    with pytest.raises(ExpertError, match=r"statistics are missing; expected vec_normalize.pkl"):
        read_companions(folder(normalize=normalize))


@pytest.mark.parametrize("normalize", [False, "{'norm_obs': False, 'norm_reward': True}"])
def test_statistics_may_be_missing_where_only_rewards_were_normalised(folder, normalize):
    assert read_companions(folder(normalize=normalize)).view() is None


def test_statistics_of_rewards_alone_change_nothing(folder, tmp_path):
    statistics(norm_obs=False).save(tmp_path / "vec_normalize.pkl")
    assert read_companions(folder(normalize=True)).view() is None


def test_statistics_that_the_configuration_does_not_want_are_noted(folder, tmp_path):
    statistics().save(tmp_path / "vec_normalize.pkl")
    companions = read_companions(folder(normalize=False))
    assert companions.view() is None
    assert "vec_normalize.pkl is not used" in companions.notes[0]


def test_statistics_without_a_configuration_are_used(tmp_path):
    (tmp_path / "agent.zip").touch()
    statistics().save(tmp_path / "vec_normalize.pkl")
    (transform,) = read_companions(tmp_path / "agent.zip").view().decisions
    assert isinstance(transform, Normalisation)


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


@pytest.mark.parametrize("name", ["config.yml", "args.yml", "env_kwargs.yml"])
@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "!!python/object/new:subprocess.Popen [['touch', '{marker}']]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object:collections.OrderedDict {{}}",
    ],
)
def test_yaml_that_would_run_code_is_refused_and_not_run(tmp_path, name, tag):
    marker = tmp_path / "marker"
    (tmp_path / "agent.zip").touch()
    (tmp_path / name).write_text("env_kwargs: " + tag.format(marker=marker))
    with pytest.raises(UnsafeArchiveError, match=rf"{name}: the tag !!python/"):
        read_companions(tmp_path / "agent.zip")
    assert not marker.exists()


def test_pickle_that_would_run_code_is_refused_and_not_run(tmp_path):
    marker = tmp_path / "marker"
    content = pickle.dumps({"obs_rms": Shell(marker)})
    with pytest.raises(UnsafeArchiveError, match=r"s\.pkl: .*would import 'posix\.system'"):
        read_statistics(content, "s.pkl")
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists(), "the attack does not work at all: this test shows nothing"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rms: setattr(rms, "mean", np.full(3, np.nan)), "NaN"),
        (lambda rms: setattr(rms, "var", -np.ones(3)), "negative"),
        (lambda rms: setattr(rms, "var", np.ones(2)), "do not fit"),
        (lambda rms: setattr(rms, "mean", "none"), "numpy array is missing"),
        (lambda rms: delattr(rms, "mean"), "mean or variance is missing"),
    ],
)
def test_impossible_statistics_are_refused(tmp_path, change, message):
    vector = statistics()
    change(vector.obs_rms)
    vector.save(tmp_path / "s.pkl")
    with pytest.raises(ArchiveError, match=message):
        read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")


def test_statistics_that_are_objects_instead_of_numbers_are_refused(tmp_path):
    vector = statistics()
    vector.obs_rms.mean = np.array([None, None, None])
    vector.save(tmp_path / "s.pkl")
    with pytest.raises(UnsafeArchiveError, match=r"an array of dtype 'O8'"):
        read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", pickle.dumps([1, 2]), b"\x80\x04."])
def test_other_files_are_not_statistics(content):
    with pytest.raises(ArchiveError, match=r"s\.pkl"):
        read_statistics(content, "s.pkl")


def test_python_containers_become_plain_ones():
    text = yaml.dump({"a": (1, 2), "b": OrderedDict(c=[True, None]), "d": {"e": "f"}})
    assert "!!python/tuple" in text
    assert read_yaml(text.encode(), "x") == {"a": [1, 2], "b": {"c": [True, None]}, "d": {"e": "f"}}


@pytest.mark.parametrize(
    "text",
    [
        "a: [1",
        "- 1",
        "just text",
        "1: 2",
        "a: !mine 3",
        "a: &x [*x]",
        "x: &x {a: 1}\ny: {<<: *x}",
        "a: 2021-99-99",
        "a: 2021-09-09",
        "a: !!binary AAAA",
        "[" * 5000,
        "a: " + "9" * 5000,
        "a: &a [1,1,1,1]\n" + "".join(f"{x}: &{x} [{f'*{y},' * 10}]\n" for x, y in ("ba", "cb", "dc", "ed")),
        "a: " + "x" * 70_000,
        "!!python/object/apply:collections.OrderedDict [[[[], 1]]]",
        "\x00",
    ],
)
def test_damaged_yaml_is_refused(text):
    with pytest.raises(ArchiveError, match="config"):
        read_yaml(text.encode(), "config.yml")


@pytest.mark.parametrize(
    "text",
    [
        "os.system('x')",
        "dict(a=open('x'))",
        "dict(**{})",
        "dict([1])",
        "[1]",
        "{1: 2}",
        "(" * 999,
        "{'a': 1",
        "",
    ],
)
def test_text_that_is_no_dict_of_literals_is_refused(text):
    with pytest.raises(ArchiveError, match="not a dict of literals"):
        read_literal(text, "x")


@pytest.mark.skipif(not PUBLISHED, reason="the published agents are not beside the repository")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_companions_are_read(path):
    companions = read_companions(path)
    assert path.stem.endswith(companions.env_id)
    assert (companions.statistics is not None) is (path.parent / "vec_normalize.pkl").exists()
