"""An expert plays the environment that it fits, or is told which that is."""

import pytest

from builder import build
from builder.composition import build_config
from builder.errors import ConfigError, SpaceError
from builder.experts.sources.load import load_expert
from builder.pipeline.pairing import find


def test_an_expert_in_another_environment_is_told_what_it_was_trained_on(tmp_path):
    with pytest.raises(
        SpaceError, match="cartpole was trained on CartPole-v1, and Acrobot-v1 has other spaces"
    ):
        build("cartpole", env={"id": "Acrobot-v1"}, out=tmp_path / "x")


def test_what_an_expert_plays_has_the_bounds_of_the_build():
    config = build_config(["expert=cartpole", "threshold=9", "max_return=80"])
    found = find(load_expert(config.expert, config.rollout), config)
    assert (found.expert.policy.threshold, found.expert.policy.max_return) == (9.0, 80.0)
    assert (found.matched.spec.id, found.module) == ("CartPole-v1", "gymnasium.envs.classic_control.cartpole")


def test_an_expert_that_does_not_say_what_it_plays_needs_to_be_told():
    config = build_config(["expert=random"])
    with pytest.raises(ConfigError, match=r"does not say what it plays; give env\.id="):
        find(load_expert(config.expert, config.rollout), config)
