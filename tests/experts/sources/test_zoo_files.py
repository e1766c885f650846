"""What lies beside an archive is read without constructing anything, and nothing needed is left out."""

from collections import OrderedDict

import gymnasium as gym
import numpy as np
import pytest
import yaml
from sb3_models import PUBLISHED, box, statistics
from sweeps import sweep

from builder.errors import ExpertError
from builder.experts.archive.vec_normalize import read_statistics
from builder.experts.observations.transforms import Normalisation
from builder.experts.sources.zoo_files import read_companions


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


@pytest.mark.skipif(not PUBLISHED, reason="the published agents are not beside the repository")
@sweep("path", PUBLISHED, ids=lambda path: path.stem, quick=6)
def test_published_companions_are_read(path):
    companions = read_companions(path)
    assert path.stem.endswith(companions.env_id)
    assert (companions.statistics is not None) is (path.parent / "vec_normalize.pkl").exists()
