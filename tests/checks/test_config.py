"""The configuration of a check."""

import pytest

from builder.checks.config import CheckConfig
from builder.composition import compose
from builder.errors import ConfigError


def test_a_check_looks_at_an_expert_without_noise():
    with pytest.raises(ConfigError, match=r"as it is alone; leave rollout\.noise, rollout\.switch"):
        compose(CheckConfig, "check", ["rollout.noise=sticky", "rollout.noise.probability=0.1"])


@pytest.mark.parametrize(
    "word", ["rollout.lanes=0", "seed=-1", "expert.check_episodes=0", "rollout.on_error=x"]
)
def test_a_check_has_the_bounds_of_a_build(word):
    with pytest.raises(ConfigError, match=r"out of range|unknown"):
        compose(CheckConfig, "check", [word, "env.id=CartPole-v1"])
