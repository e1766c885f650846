"""Environments of yesterday are played as the version of today that has the expert's spaces."""

import gymnasium as gym
import pytest
from sweeps import case

from builder.environments.legacy import match
from builder.environments.providers import provide
from builder.environments.wrappers import Layers, wrapper_specs
from builder.errors import ConfigError, MissingExtraError, SpaceError

LIMITS = {"max_episode_steps": None, "max_steps": None}


def fits_shape(size):
    """An expert that takes observations of so many numbers, zeros included."""

    def fits(observation_space, action_space, zeros):
        if observation_space.shape != (size - zeros,):
            raise SpaceError("no", expected=size, got=observation_space.shape)

    return fits


VERSIONS = [
    ("CartPole-v1", 4, "CartPole-v1", 0),
    ("Pendulum-v0", 3, "Pendulum-v1", 0),
    ("PendulumNoVel-v1", 3, "Pendulum-v1", 0),
    ("LunarLanderNoVel-v2", 8, "LunarLander-v3", 0),
    ("LunarLander-v2", 8, "LunarLander-v3", 0),
    ("LunarLanderContinuous-v2", 8, "LunarLanderContinuous-v3", 0),
    ("HalfCheetah-v2", 17, "HalfCheetah-v4", 0),
    ("HalfCheetah-v3", 17, "HalfCheetah-v4", 0),
    ("Hopper-v3", 11, "Hopper-v4", 0),
    ("Swimmer-v3", 8, "Swimmer-v4", 0),
    ("Walker2d-v3", 17, "Walker2d-v4", 0),
    ("Humanoid-v3", 376, "Humanoid-v4", 0),
    ("Ant-v3", 111, "Ant-v4", 84),
    ("Ant-v4", 27, "Ant-v4", 0),
    ("Ant-v5", 105, "Ant-v5", 0),
]


def test_the_version_with_the_experts_spaces_is_played():
    for trained_on, size, played, zeros in VERSIONS:
        with case(trained_on, size, played, zeros):
            found = match(trained_on, {}, fits_shape(size), limits=LIMITS)
            assert (found.spec.id, found.zeros) == (played, zeros)
            assert found.mapped == (played != trained_on)


def test_a_version_that_plays_by_other_rules_is_not_taken_for_its_spaces_sake():
    found = match("Walker2d-v3", {}, fits_shape(17), limits=LIMITS)
    assert found.spec.id == "Walker2d-v4"  # v5 has the same spaces, and its experts play worse there


def test_no_version_with_the_spaces_is_an_error_that_names_those_tried():
    with pytest.raises(SpaceError, match=r"no environment here has the spaces of CartPole-v1.*CartPole-v0"):
        match("CartPole-v1", {}, fits_shape(5), limits=LIMITS)


def test_an_unknown_name_is_an_error():
    with pytest.raises(ConfigError, match="there is no environment 'Nowhere-v3'"):
        match("Nowhere-v3", {}, fits_shape(1), limits=LIMITS)


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(MissingExtraError, match="comes with the package panda_gym, which is not installed"):
        provide("PandaReach-v1")


def test_fetch_reach_is_played_where_its_package_is_installed():
    pytest.importorskip("gymnasium_robotics", reason="the extra robotics is not installed")

    def fits(observation_space, action_space, zeros):
        assert isinstance(observation_space, gym.spaces.Dict)
        if observation_space["observation"].shape != (10,):
            raise SpaceError("no")

    assert match("FetchReach-v1", {}, fits, limits=LIMITS).spec.id == "FetchReach-v4"


def test_wrappers_that_change_the_spaces_are_named_as_the_cause():
    layers = Layers(wrappers=wrapper_specs(["TimeAwareObservation"]))
    with pytest.raises(
        SpaceError, match=r"CartPole-v0, within env\.wrappers\).*what in env\.wrappers changes spaces"
    ):
        match("CartPole-v1", {}, fits_shape(4), limits=LIMITS, layers=layers)
